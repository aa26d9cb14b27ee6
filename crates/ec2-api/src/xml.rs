//! Answers as XML: an action says the answer as a tree of elements in the order in which they shall stand, and
//! [`render`] writes it under its root element. EC2 writes lists as `<item>` elements and an empty list as an empty
//! element.

use std::borrow::Cow;
use std::fmt::Display;

use cumulet_model::Tags;
use jiff::Timestamp;
use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};

/// The children of an element, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Xml {
    nodes: Vec<(&'static str, Content)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Text(String),
    Children(Xml),
    Items(Vec<Content>),
}

impl Xml {
    /// No children yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn push(mut self, name: &'static str, content: Content) -> Self {
        self.nodes.push((name, content));
        self
    }

    /// `<name>value</name>`.
    pub fn text(self, name: &'static str, value: impl Display) -> Self {
        self.push(name, Content::Text(value.to_string()))
    }

    /// `<name>value</name>`, or nothing.
    pub fn maybe(self, name: &'static str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    /// A time in UTC with milliseconds.
    pub fn time(self, name: &'static str, value: Timestamp) -> Self {
        self.text(name, time_text(value))
    }

    /// `<name><value>…</value></name>`, as attributes of instances and VPCs are answered.
    pub fn value(self, name: &'static str, value: impl Display) -> Self {
        self.node(name, Xml::new().text("value", value))
    }

    /// A structure.
    pub fn node(self, name: &'static str, children: Xml) -> Self {
        self.push(name, Content::Children(children))
    }

    /// A structure, or nothing.
    pub fn maybe_node(self, name: &'static str, children: Option<Xml>) -> Self {
        match children {
            Some(children) => self.node(name, children),
            None => self,
        }
    }

    /// A list of structures.
    pub fn list(self, name: &'static str, items: impl IntoIterator<Item = Xml>) -> Self {
        self.push(name, Content::Items(items.into_iter().map(Content::Children).collect()))
    }

    /// A list of scalars.
    pub fn texts<T: Display>(self, name: &'static str, items: impl IntoIterator<Item = T>) -> Self {
        self.push(name, Content::Items(items.into_iter().map(|i| Content::Text(i.to_string())).collect()))
    }

    /// A `tagSet` that is there also when it is empty.
    pub fn tags(self, tags: &Tags) -> Self {
        self.list("tagSet", tags.iter().map(|(key, value)| Xml::new().text("key", key).text("value", value)))
    }

    /// A `tagSet` that is left out when it is empty, as EC2 does for instances, volumes and security groups.
    pub fn tags_if_any(self, tags: &Tags) -> Self {
        if tags.is_empty() { self } else { self.tags(tags) }
    }

    /// The children of `other` behind these.
    pub fn and(mut self, other: Xml) -> Self {
        self.nodes.extend(other.nodes);
        self
    }
}

/// A time as EC2 writes it: `2026-01-02T03:04:05.000Z`.
pub fn time_text(value: Timestamp) -> String {
    format!("{value:.3}")
}

/// The whole document: `children` under `<root xmlns="namespace">`.
pub fn render(root: &str, namespace: Option<&str>, children: &Xml) -> String {
    let mut writer = Writer::new(Vec::new());
    let mut start = BytesStart::new(root);
    if let Some(namespace) = namespace {
        start.push_attribute(("xmlns", namespace));
    }
    // A Vec takes every write and our text is UTF-8, so that neither step can fail.
    let written = writer
        .write_event(Event::Start(start))
        .and_then(|()| write_children(&mut writer, children))
        .and_then(|()| writer.write_event(Event::End(BytesEnd::new(root))));
    debug_assert!(written.is_ok());
    let body = String::from_utf8(writer.into_inner()).unwrap_or_default();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\n{body}")
}

type Out = Writer<Vec<u8>>;

fn write_children(out: &mut Out, children: &Xml) -> std::io::Result<()> {
    children.nodes.iter().try_for_each(|(name, content)| write_element(out, name, content))
}

fn write_element(out: &mut Out, name: &str, content: &Content) -> std::io::Result<()> {
    let is_empty = match content {
        Content::Text(text) => text.is_empty(),
        Content::Children(children) => children.nodes.is_empty(),
        Content::Items(items) => items.is_empty(),
    };
    if is_empty {
        return out.write_event(Event::Empty(BytesStart::new(name)));
    }
    out.write_event(Event::Start(BytesStart::new(name)))?;
    match content {
        Content::Text(text) => out.write_event(Event::Text(BytesText::from_escaped(escape(text))))?,
        Content::Children(children) => write_children(out, children)?,
        Content::Items(items) => items.iter().try_for_each(|item| write_element(out, "item", item))?,
    }
    out.write_event(Event::End(BytesEnd::new(name)))
}

/// Escapes markup; leaves out the characters that XML 1.0 can't carry at all (section 2.2, "Char"); writes a carriage
/// return as a reference, as a parser would make it a line feed otherwise (section 2.11).
fn escape(text: &str) -> Cow<'_, str> {
    let is_char = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    if text.chars().all(|c| is_char(c) && c != '\r') {
        return quick_xml::escape::escape(text);
    }
    let kept: String = text.chars().filter(|c| is_char(*c)).collect();
    Cow::Owned(quick_xml::escape::escape(kept.as_str()).replace('\r', "&#13;"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_answer_reads_as_ec2_writes_it() {
        let answer = Xml::new()
            .text("requestId", "r")
            .time("launchTime", "2026-01-02T03:04:05.0678Z".parse().unwrap())
            .list("emptySet", [])
            .texts("supportedSet", ["a", "b"])
            .tags(&Tags::from([("Name".into(), "<web & co>".into())]))
            .maybe("left", None::<&str>)
            .text("reason", "");
        assert_eq!(
            render("TestResponse", Some("http://ec2.amazonaws.com/doc/2016-11-15/"), &answer),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\n\
             <TestResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId>\
             <launchTime>2026-01-02T03:04:05.067Z</launchTime><emptySet/>\
             <supportedSet><item>a</item><item>b</item></supportedSet>\
             <tagSet><item><key>Name</key><value>&lt;web &amp; co&gt;</value></item></tagSet><reason/></TestResponse>"
        );
    }

    #[test]
    fn whole_seconds_have_milliseconds_too() {
        assert_eq!(time_text("2026-01-02T03:04:05Z".parse().unwrap()), "2026-01-02T03:04:05.000Z");
    }

    proptest! {
        #[test]
        fn any_text_comes_back_without_what_xml_cannot_carry(text in any::<String>()) {
            let document = render("R", None, &Xml::new().text("t", &text));
            let inner = document.split_once("<t>").and_then(|(_, rest)| rest.split_once("</t>")).map_or("", |p| p.0);
            let back = quick_xml::escape::unescape(inner).unwrap();
            let expected: String =
                text.chars().filter(|c| !c.is_control() || "\t\n\r".contains(*c) || ('\u{7f}'..='\u{9f}').contains(c))
                    .filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}')).collect();
            prop_assert_eq!(back.as_ref(), expected.as_str());
            prop_assert!(!inner.contains('\r'));
        }
    }
}
