//! The machine's files and tools, below a root. With a root other than `/` only tools found below it are run and
//! the kernel is left alone: so a test can see every effect and the host none.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::ActionError;

/// Where tools are looked for.
const TOOL_FOLDERS: [&str; 5] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/lib/systemd"];
/// The most bytes of a text file that is read whole.
const MOST_TEXT: u64 = 4 << 20;

/// The machine.
#[derive(Debug, Clone)]
pub struct System {
    root: PathBuf,
}

impl System {
    /// A machine whose files are below this folder.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Whether this is the running machine itself.
    pub fn is_real(&self) -> bool {
        self.root == Path::new("/")
    }

    /// The folder that stands for `/`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a file of the machine is; `..` doesn't lead out of the root.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let mut full = PathBuf::new();
        for part in path.as_ref().components() {
            match part {
                Component::Normal(name) => full.push(name),
                Component::ParentDir => _ = full.pop(),
                _ => {}
            }
        }
        self.root.join(full)
    }

    /// A text file, whole.
    pub fn read_text(&self, path: &str) -> Result<String, ActionError> {
        let full = self.path(path);
        let mut text = String::new();
        let file = fs::File::open(&full).map_err(ActionError::io("open", &full))?;
        file.take(MOST_TEXT).read_to_string(&mut text).map_err(ActionError::io("read", &full))?;
        Ok(text)
    }

    /// Writes a file whole, by a second file that takes its place, and makes the folders above it.
    pub fn write(&self, path: &str, content: &[u8], mode: u32) -> Result<(), ActionError> {
        let full = self.path(path);
        self.make_parents(&full)?;
        let mut name = full.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let new = full.with_file_name(name);
        // What is there already is of a write that was cut off, or a trap: a link to a file of somebody else's.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(ActionError::io("remove", &new)(error));
            }
            _ => {}
        }
        write_with_mode(&new, content, mode, OpenOptions::new().write(true).create_new(true))?;
        fs::rename(&new, &full).map_err(ActionError::io("replace", &full))
    }

    /// Writes or appends to a file in place, as `write_files` does: links are followed, a mode is set.
    pub fn write_in_place(
        &self,
        path: &str,
        content: &[u8],
        mode: u32,
        append: bool,
    ) -> Result<(), ActionError> {
        let full = self.path(path);
        self.make_parents(&full)?;
        let mut options = OpenOptions::new();
        options.create(true).append(append).write(true).truncate(!append);
        write_with_mode(&full, content, mode, &mut options)
    }

    /// Makes a folder with those above it; only itself gets the mode.
    pub fn make_folder(&self, path: &str, mode: u32) -> Result<(), ActionError> {
        let full = self.path(path);
        if full.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(&full).map_err(ActionError::io("make", &full))?;
        fs::set_permissions(&full, fs::Permissions::from_mode(mode)).map_err(ActionError::io("chmod", &full))
    }

    fn make_parents(&self, full: &Path) -> Result<(), ActionError> {
        let parent = full.parent().unwrap_or(&self.root);
        fs::create_dir_all(parent).map_err(ActionError::io("make", parent))
    }

    /// A program of the machine.
    pub fn tool(&self, name: &str) -> Option<PathBuf> {
        TOOL_FOLDERS.iter().map(|folder| self.path(folder).join(name)).find(|path| path.is_file())
    }

    /// Runs a program to its end and gives back what it printed.
    pub fn run(&self, tool: &str, arguments: &[&str]) -> Result<String, ActionError> {
        self.run_with(tool, arguments, b"")
    }

    /// The same with something on its standard input.
    pub fn run_with(&self, tool: &str, arguments: &[&str], input: &[u8]) -> Result<String, ActionError> {
        let path = self.tool(tool).ok_or_else(|| ActionError::NoTool { tool: tool.to_owned() })?;
        let mut child = Command::new(&path)
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("CUMULET_ROOT", &self.root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(ActionError::io("start", &path))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that doesn't read its input is no error.
            _ = stdin.write_all(input);
        }
        let output = child.wait_with_output().map_err(ActionError::io("wait for", &path))?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(printed);
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        let output_end = last_line(&errors).or_else(|| last_line(&printed)).unwrap_or("it printed nothing");
        let command = std::iter::once(tool).chain(arguments.iter().copied()).collect::<Vec<_>>().join(" ");
        Err(ActionError::Failed { command, status: output.status.to_string(), output: output_end.to_owned() })
    }
}

fn last_line(text: &str) -> Option<&str> {
    text.lines().rev().map(str::trim).find(|line| !line.is_empty())
}

fn write_with_mode(
    path: &Path,
    content: &[u8],
    mode: u32,
    options: &mut OpenOptions,
) -> Result<(), ActionError> {
    // Made with no more rights than it ends with, so that a secret is never readable in between.
    let mut file = options.mode(mode & 0o777).open(path).map_err(ActionError::io("open", path))?;
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(ActionError::io("chmod", path))?;
    file.write_all(content).map_err(ActionError::io("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_root() {
        let system = System::new("/tmp/r");
        assert_eq!(system.path("/etc/../../../etc/passwd"), PathBuf::from("/tmp/r/etc/passwd"));
        assert_eq!(System::new("/").path("/etc/hostname"), PathBuf::from("/etc/hostname"));
    }

    #[test]
    fn files_get_their_mode_and_content() {
        let folder = tempfile::tempdir().unwrap();
        let system = System::new(folder.path());
        system.write("/a/b/secret", b"one", 0o600).unwrap();
        system.write_in_place("/a/b/secret", b"two", 0o640, true).unwrap();
        assert_eq!(system.read_text("/a/b/secret").unwrap(), "onetwo");
        let mode = fs::metadata(folder.path().join("a/b/secret")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o640);
    }

    #[test]
    fn only_tools_below_the_root_are_run() {
        let folder = tempfile::tempdir().unwrap();
        let system = System::new(folder.path());
        assert!(matches!(system.run("sh", &["-c", "true"]), Err(ActionError::NoTool { .. })));
        system.write("/usr/bin/say", b"#!/bin/sh\ncat; echo \"$@\"; test \"$1\" = good\n", 0o755).unwrap();
        assert_eq!(system.run_with("say", &["good"], b"in:").unwrap(), "in:good\n");
        let error = system.run("say", &["bad"]).unwrap_err().to_string();
        assert_eq!(error, "`say bad` ended with exit status: 1: bad");
    }
}
