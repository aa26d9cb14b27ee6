//! The types of parts that cloud-init knows, and how a part without a type is recognised by its first line.

use std::fmt;

/// What a part of user data is. The names are cloud-init's MIME types.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ContentType {
    /// `text/cloud-config`: YAML below `#cloud-config`.
    CloudConfig,
    /// `text/cloud-config-jsonp`: a JSON patch on the merged cloud-config.
    CloudConfigJsonp,
    /// `text/cloud-config-archive`: a YAML list of parts. Opened by the parser; seen only if it is damaged.
    CloudConfigArchive,
    /// `text/x-shellscript`: a program with a `#!` line, run once per instance.
    ShellScript,
    /// `text/x-shellscript-per-boot`: run at every boot.
    ShellScriptPerBoot,
    /// `text/x-shellscript-per-instance`: run once per instance.
    ShellScriptPerInstance,
    /// `text/x-shellscript-per-once`: run once in the life of the disk.
    ShellScriptPerOnce,
    /// `text/cloud-boothook`: a program run early at every boot.
    BootHook,
    /// `text/x-include-url`: addresses of further user data.
    Include,
    /// `text/x-include-once-url`: the same, fetched once per instance.
    IncludeOnce,
    /// `text/part-handler`: Python code that handles parts of further types.
    PartHandler,
    /// `text/jinja2`: another type below `## template: jinja`, filled with instance data.
    Jinja,
    /// `text/upstart-job`: for a service manager that is no more.
    UpstartJob,
    /// Any other MIME type, in lower case without parameters.
    Other(String),
    /// Nothing that cloud-init recognises; it logs a warning and goes on.
    Unknown,
}

const NAMES: &[(&str, ContentType)] = &[
    ("text/cloud-config", ContentType::CloudConfig),
    ("text/cloud-config-jsonp", ContentType::CloudConfigJsonp),
    ("text/cloud-config-archive", ContentType::CloudConfigArchive),
    ("text/x-shellscript", ContentType::ShellScript),
    ("text/x-shellscript-per-boot", ContentType::ShellScriptPerBoot),
    ("text/x-shellscript-per-instance", ContentType::ShellScriptPerInstance),
    ("text/x-shellscript-per-once", ContentType::ShellScriptPerOnce),
    ("text/cloud-boothook", ContentType::BootHook),
    ("text/x-include-url", ContentType::Include),
    ("text/x-include-once-url", ContentType::IncludeOnce),
    ("text/part-handler", ContentType::PartHandler),
    ("text/jinja2", ContentType::Jinja),
    ("text/upstart-job", ContentType::UpstartJob),
    ("text/x-not-multipart", ContentType::Unknown),
];

/// The first lines that name a type; longer ones before those they begin with.
const PREFIXES: &[(&str, ContentType)] = &[
    ("## template: jinja", ContentType::Jinja),
    ("#cloud-config-archive", ContentType::CloudConfigArchive),
    ("#cloud-config-jsonp", ContentType::CloudConfigJsonp),
    ("#cloud-config", ContentType::CloudConfig),
    ("#cloud-boothook", ContentType::BootHook),
    ("#part-handler", ContentType::PartHandler),
    ("#include-once", ContentType::IncludeOnce),
    ("#upstart-job", ContentType::UpstartJob),
    ("#include", ContentType::Include),
    ("#!", ContentType::ShellScript),
];

impl ContentType {
    /// The type of a MIME name, its case and parameters ignored.
    pub fn from_mime(name: &str) -> Self {
        let name = name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let known = NAMES.iter().find(|(n, _)| *n == name).map(|(_, kind)| kind.clone());
        known.unwrap_or(Self::Other(name))
    }

    /// The type that the content itself names by how it begins. As cloud-init does, white space in front and
    /// the case of letters don't matter.
    pub fn sniff(body: &[u8]) -> Option<Self> {
        let body = body.trim_ascii_start();
        let begins = |prefix: &str| {
            body.get(..prefix.len()).is_some_and(|b| b.eq_ignore_ascii_case(prefix.as_bytes()))
        };
        PREFIXES.iter().find(|(prefix, _)| begins(prefix)).map(|(_, kind)| kind.clone())
    }

    /// The MIME name.
    pub fn as_mime(&self) -> &str {
        match self {
            Self::Other(name) => name,
            known => NAMES.iter().find(|(_, kind)| kind == known).map_or("text/x-not-multipart", |(n, _)| n),
        }
    }

    /// Whether a part of this type is a program to run.
    pub fn is_script(&self) -> bool {
        matches!(
            self,
            Self::ShellScript
                | Self::ShellScriptPerBoot
                | Self::ShellScriptPerInstance
                | Self::ShellScriptPerOnce
        )
    }

    /// Whether the name says that the part is gzipped; cloud-init inflates these and looks again.
    pub(crate) fn is_compressed_mime(name: &str) -> bool {
        const COMPRESSED: [&str; 8] = [
            "application/gzip",
            "application/gzip-compressed",
            "application/gzipped",
            "application/x-compress",
            "application/x-compressed",
            "application/x-gunzip",
            "application/x-gzip",
            "application/x-gzip-compressed",
        ];
        COMPRESSED.contains(&name)
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_mime())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_first_line_wins() {
        let archive = ContentType::sniff(b"#cloud-config-archive\n- a\n");
        assert_eq!(archive, Some(ContentType::CloudConfigArchive));
        assert_eq!(ContentType::sniff(b"#include-once\nhttp://x/\n"), Some(ContentType::IncludeOnce));
        assert_eq!(ContentType::sniff(b"#cloud-config\n"), Some(ContentType::CloudConfig));
    }

    #[test]
    fn white_space_and_case_do_not_matter() {
        assert_eq!(ContentType::sniff(b"\n  #Cloud-Config\n"), Some(ContentType::CloudConfig));
        assert_eq!(ContentType::sniff(b"# cloud-config\n"), None);
    }

    #[test]
    fn every_name_is_its_own_inverse() {
        for (name, kind) in NAMES {
            assert_eq!((kind.as_mime(), ContentType::from_mime(name)), (*name, kind.clone()));
        }
        assert_eq!(ContentType::from_mime("Text/Html; charset=utf-8").as_mime(), "text/html");
    }
}
