//! `cumulet image build`: the recipe makes files, which are then taken in as an image.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use cumulet_client::types::image::{ImageKind, ImageQuery};

use super::list;
use super::manifest::Manifest;
use super::remove::remove;
use crate::context::Context;
use crate::failure::{Failure, Result};

/// Build an image by one of the project's recipes (debian-12, micro) and take it in.
///
/// The recipe builds from Debian's packages and needs root; it runs on this machine, which must be the daemon's.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sudo cumulet image build debian-12")]
pub struct Build {
    /// The recipe's name, which becomes the image's
    recipe: String,
    /// The folder of the recipes [default: the project's images/, or /usr/share/cumulet/images]
    #[arg(long, value_name = "DIR", env = "CUMULET_RECIPES", hide_env_values = true)]
    recipes: Option<PathBuf>,
    /// The folder for the files that the recipe makes
    #[arg(long, value_name = "DIR", default_value = "/var/tmp/cumulet-images")]
    out: PathBuf,
    /// Size of the disk, as in 4G [default: the recipe's]
    #[arg(long)]
    size: Option<String>,
    /// Take in what was built before, if it is there, instead of building again
    #[arg(long)]
    reuse: bool,
    /// Put it in the place of an image of that name
    #[arg(long)]
    replace: bool,
}

impl Build {
    pub async fn run(self, context: &Context) -> Result<()> {
        let query = ImageQuery { name: Some(self.recipe.clone()), kind: Some(ImageKind::Machine) };
        // Asked before the build, which takes minutes.
        let old = context.client.images(&query).await?;
        if let Some(old) = old.first().filter(|_| !self.replace) {
            return Err(Failure::Other(format!(
                "{} is there already as {}; --replace builds it anew",
                old.name, old.id
            )));
        }
        let manifest = self.out.join(format!("{}.json", self.recipe));
        if !(self.reuse && manifest.exists()) {
            self.build()?;
        }
        let manifest = Manifest::read(&manifest)?;
        for old in &old {
            remove(context, old, false).await?;
        }
        let image = manifest.parts().register(context).await?;
        list::print(context, vec![image])
    }

    fn build(&self) -> Result<()> {
        let program = self.program()?;
        std::fs::create_dir_all(&self.out)
            .map_err(Failure::io(format!("cannot make {}", self.out.display())))?;
        let mut command = Command::new(&program);
        command.arg("--out").arg(&self.out);
        if let Some(size) = &self.size {
            command.arg("--size").arg(size);
        }
        // What the recipe tells is progress; standard output is for the answer.
        command.arg(&self.recipe).stdout(std::io::stderr());
        let status = command.status().map_err(Failure::io(format!("cannot start {}", program.display())))?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::Other(format!("the recipe {} ended with {status}", self.recipe)))
        }
    }

    fn program(&self) -> Result<PathBuf> {
        if let Some(recipes) = &self.recipes {
            let program = recipes.join("build");
            let none = || Failure::Usage(format!("there is no {}", program.display()));
            return if program.exists() { Ok(program.clone()) } else { Err(none()) };
        }
        let own = std::env::current_exe().unwrap_or_default();
        candidates(&own).find(|program| program.exists()).ok_or_else(|| {
            Failure::Other("the recipes were not found; --recipes names the project's folder images/".into())
        })
    }
}

/// Where the recipes may be: in the project that this command was built in, or installed with it, or here.
fn candidates(own: &Path) -> impl Iterator<Item = PathBuf> {
    let project = own.ancestors().skip(1).map(|folder| folder.join("images/build"));
    let installed = own.ancestors().nth(2).map(|prefix| prefix.join("share/cumulet/images/build"));
    let usual = PathBuf::from("/usr/share/cumulet/images/build");
    project.chain(installed).chain([usual, PathBuf::from("images/build")])
}
