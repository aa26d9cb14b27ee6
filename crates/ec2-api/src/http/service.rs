//! The services that clients mean to speak to on this endpoint.

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// EC2 itself.
    Ec2,
    /// STS, of which tools ask who they are.
    Sts,
}

impl Service {
    /// Names as they stand in a signature's scope.
    pub const NAMES: &'static [&'static str] = &["ec2", "sts"];

    /// The service of that name; EC2 for any other.
    pub fn of(name: &str) -> Self {
        if name == "sts" { Self::Sts } else { Self::Ec2 }
    }

    /// The version of its API that is spoken.
    pub fn version(self) -> &'static str {
        match self {
            Self::Ec2 => "2016-11-15",
            Self::Sts => "2011-06-15",
        }
    }

    /// The namespace of its answers.
    pub fn namespace(self) -> &'static str {
        match self {
            Self::Ec2 => "http://ec2.amazonaws.com/doc/2016-11-15/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
        }
    }
}
