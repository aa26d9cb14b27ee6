//! A machine image from files: its kernel and ramdisk first, then the disk, each waited for.

use std::path::Path;
use std::time::Duration;

use cumulet_client::Patience;
use cumulet_client::types::Tags;
use cumulet_client::types::image::{Image, ImageKind, ImageQuery, RegisterImage};

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::Progress;

/// A large disk on a slow host takes its time.
const PATIENCE: Patience = Patience { limit: Duration::from_secs(3600), pause: Duration::from_millis(500) };

/// What a machine image is made of. Paths are on the daemon's host.
pub struct Parts<'a> {
    pub name: &'a str,
    pub disk: &'a Path,
    pub kernel: Option<&'a Path>,
    pub initrd: Option<&'a Path>,
    pub root_device_name: Option<&'a str>,
    pub cmdline: Option<&'a str>,
    pub user: Option<&'a str>,
    pub description: Option<&'a str>,
}

impl Parts<'_> {
    /// Registers all parts; when one fails, those before it are taken back.
    pub async fn register(&self, context: &Context) -> Result<Image> {
        let mut made = Vec::new();
        let whole = self.register_each(context, &mut made).await;
        if whole.is_err() {
            for id in made {
                // The failure that is told is the first one.
                let _ = context.client.deregister_image(&id).await;
            }
        }
        whole
    }

    async fn register_each(&self, context: &Context, made: &mut Vec<String>) -> Result<Image> {
        let taken = context.client.images(&ImageQuery::default()).await?;
        let taken: Vec<_> = taken.into_iter().map(|image| image.name).collect();
        let mut request = self.request(ImageKind::Machine, self.name.to_owned(), self.disk)?;
        if let Some(kernel) = self.kernel {
            let part = self.request(ImageKind::Kernel, free_name(&taken, self.name, "kernel"), kernel)?;
            request.kernel_id = Some(one(context, &part, made).await?.id);
        }
        if let Some(initrd) = self.initrd {
            let part = self.request(ImageKind::Ramdisk, free_name(&taken, self.name, "initrd"), initrd)?;
            request.ramdisk_id = Some(one(context, &part, made).await?.id);
        }
        request.root_device_name = self.root_device_name.map(str::to_owned);
        request.boot_args = self.cmdline.map(str::to_owned);
        request.default_user = self.user.map(str::to_owned);
        request.description = self.description.map(str::to_owned);
        one(context, &request, made).await
    }

    fn request(&self, kind: ImageKind, name: String, file: &Path) -> Result<RegisterImage> {
        let path =
            std::fs::canonicalize(file).map_err(Failure::io(format!("cannot find {}", file.display())))?;
        let source_path = path.into_os_string().into_string().map_err(|path| {
            Failure::Usage(format!("the name of {} is not UTF-8", Path::new(&path).display()))
        })?;
        Ok(RegisterImage {
            kind,
            name,
            source_path,
            description: None,
            root_device_name: None,
            kernel_id: None,
            ramdisk_id: None,
            boot_args: None,
            default_user: None,
            tags: Tags::new(),
        })
    }
}

/// `NAME-PART`, with a number if that is taken, as by a kernel of an earlier image of the name that is still in use.
fn free_name(taken: &[String], name: &str, part: &str) -> String {
    let plain = format!("{name}-{part}");
    let numbered = (2..).map(|n| format!("{plain}-{n}"));
    let is_free = |name: &String| !taken.contains(name);
    std::iter::once(plain.clone()).chain(numbered).find(is_free).unwrap_or(plain)
}

async fn one(context: &Context, request: &RegisterImage, made: &mut Vec<String>) -> Result<Image> {
    let mut progress = Progress::new(context.json);
    progress.tell(&format!("taking in {}", request.source_path));
    let image = context.client.register_image(request).await?;
    made.push(image.id.clone());
    let mut tell = |what: &str, _| progress.tell(&format!("taking in {}: {what}", request.source_path));
    Ok(context.client.wait_for_image(&image.id, PATIENCE, &mut tell).await?)
}
