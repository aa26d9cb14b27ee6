//! `cumulet image import`.

use std::path::PathBuf;

use clap::Args;

use super::list;
use super::manifest::Manifest;
use super::register::Parts;
use crate::context::Context;
use crate::failure::{Failure, Result};

/// Make a machine image from a raw or qcow2 disk, with the kernel and initrd that it boots with, or from the manifest
/// (NAME.json) that `images/build` leaves.
///
/// The daemon reads the files, so they must be on its host.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cumulet image import images/out/debian-12.json
  cumulet image import disk.qcow2 --name mine --kernel vmlinuz --initrd initrd.img \\
      --cmdline 'root=/dev/vda1 ro console=ttyS0' --user debian")]
pub struct Import {
    /// The disk, or a manifest
    file: PathBuf,
    /// Name [default: the file's, without its ending]
    #[arg(short, long)]
    name: Option<String>,
    /// Kernel: a bzImage or an ELF vmlinux
    #[arg(short, long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// Initial ramdisk
    #[arg(short, long, value_name = "FILE")]
    initrd: Option<PathBuf>,
    /// Take no initial ramdisk, even if the manifest has one
    #[arg(long, conflicts_with = "initrd")]
    no_initrd: bool,
    /// Kernel command line
    #[arg(long, value_name = "TEXT")]
    cmdline: Option<String>,
    /// The user that key pairs are for, which `cumulet ssh` takes
    #[arg(short, long)]
    user: Option<String>,
    /// What it is
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

impl Import {
    pub async fn run(self, context: &Context) -> Result<()> {
        if self.file.extension().is_some_and(|ending| ending == "json") {
            return self.by_manifest(context).await;
        }
        let stem = self.file.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned);
        let name = self.name.or(stem).ok_or_else(|| Failure::Usage("--name is needed here".into()))?;
        let parts = Parts {
            name: &name,
            disk: &self.file,
            kernel: self.kernel.as_deref(),
            initrd: self.initrd.as_deref(),
            root_device_name: None,
            cmdline: self.cmdline.as_deref(),
            user: self.user.as_deref(),
            description: self.description.as_deref(),
        };
        let image = parts.register(context).await?;
        list::print(context, vec![image])
    }

    /// What the manifest says, but where the command line says otherwise.
    async fn by_manifest(&self, context: &Context) -> Result<()> {
        let manifest = Manifest::read(&self.file)?;
        let mut parts = manifest.parts();
        parts.name = self.name.as_deref().unwrap_or(parts.name);
        parts.kernel = self.kernel.as_deref().or(parts.kernel);
        parts.initrd = self.initrd.as_deref().or(parts.initrd.filter(|_| !self.no_initrd));
        parts.cmdline = self.cmdline.as_deref().or(parts.cmdline);
        parts.user = self.user.as_deref().or(parts.user);
        parts.description = self.description.as_deref().or(parts.description);
        let image = parts.register(context).await?;
        list::print(context, vec![image])
    }
}
