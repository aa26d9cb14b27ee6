//! Opens the layers of a disk with imago (its synchronous form, without tokio), each from an open descriptor. imago
//! is told to open nothing by itself, so a name of a backing or data file that stands in an image is never followed.

use super::LayerConfig;
use super::layer::LayerFile;
use crate::source::Given;
use cumulet_vmm_protocol::DiskFormat;
use imago::qcow2::Qcow2;
use imago::raw::Raw;
use imago::{DenyImplicitOpenGate, FormatAccess, FormatDriverBuilder};
use std::io;
use std::sync::Arc;

/// A disk's image with all its layers.
pub type Image = FormatAccess<LayerFile>;

/// Why a disk can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A layer's file.
    #[error("layer {layer} can't be opened")]
    Open {
        /// Counted from the uppermost, which is 0.
        layer: usize,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A layer's format.
    #[error("layer {layer} is not a usable {format:?} image")]
    Format {
        /// Counted from the uppermost, which is 0.
        layer: usize,
        /// What it should be.
        format: DiskFormat,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// An overlay without what it lies on: it would read as zeroes.
    #[error("layer {layer} lies on a backing file, but none is given")]
    NoBacking {
        /// Counted from the uppermost, which is 0.
        layer: usize,
    },
    /// A qcow2 image that keeps its data elsewhere.
    #[error("layer {layer} keeps its data in another file, which is not supported")]
    DataFile {
        /// Counted from the uppermost, which is 0.
        layer: usize,
    },
}

/// Opens the layers from the lowest up; only the uppermost is ever writable.
pub fn open(layers: &[LayerConfig], read_only: bool, given: &mut Given) -> Result<Image, ImageError> {
    let mut beneath = None;
    for (index, layer) in layers.iter().enumerate().skip(1).rev() {
        beneath = Some(Arc::new(open_layer(index, layer, false, beneath, given)?));
    }
    open_layer(0, &layers[0], !read_only, beneath, given)
}

fn open_layer(
    index: usize,
    layer: &LayerConfig,
    writable: bool,
    beneath: Option<Arc<Image>>,
    given: &mut Given,
) -> Result<Image, ImageError> {
    let file = given
        .open(&layer.source, writable)
        .and_then(LayerFile::new)
        .map_err(|source| ImageError::Open { layer: index, source })?;
    let failed = |source| ImageError::Format { layer: index, format: layer.format, source };
    let gate = DenyImplicitOpenGate::default();
    match layer.format {
        DiskFormat::Raw => {
            Raw::builder(file).write(writable).open(gate).map(FormatAccess::new).map_err(failed)
        }
        DiskFormat::Qcow2 => {
            let alone = beneath.is_none();
            let builder = Qcow2::<LayerFile, Arc<Image>>::builder(file)
                .write(writable)
                .backing(beneath)
                .data_file(None);
            let image = builder.open(gate).map_err(failed)?;
            if alone && image.implicit_backing_file().is_some() {
                return Err(ImageError::NoBacking { layer: index });
            }
            if image.requires_external_data_file() {
                return Err(ImageError::DataFile { layer: index });
            }
            Ok(FormatAccess::new(image))
        }
    }
}
