//! What comes out of the envelopes, and that writing and reading are inverse.

use proptest::prelude::*;

use super::*;

fn kinds(bytes: &[u8]) -> Vec<ContentType> {
    UserData::parse(bytes).unwrap().parts.into_iter().map(|part| part.content_type).collect()
}

#[test]
fn a_bare_document_is_known_by_its_first_line() {
    assert_eq!(kinds(b"#!/bin/sh\ntrue\n"), [ContentType::ShellScript]);
    assert_eq!(kinds(b"#cloud-config\n{}\n"), [ContentType::CloudConfig]);
    assert_eq!(kinds(b"hello\n"), [ContentType::Unknown]);
    assert_eq!(kinds(b""), []);
    assert_eq!(kinds(b"\n\n"), []);
}

#[test]
fn gzip_is_opened_outside_and_inside_of_mime() {
    let script = gzip::deflate(b"#!/bin/sh\ntrue\n");
    assert_eq!(kinds(&script), [ContentType::ShellScript]);
    let attachment = Attachment {
        content_type: "application/x-gzip",
        filename: Some("a.sh"),
        headers: &[],
        body: &script,
    };
    let message = gzip::deflate(&mime::build(&[attachment]));
    let data = UserData::parse(&message).unwrap();
    assert_eq!(data.parts[0].content_type, ContentType::ShellScript);
    assert_eq!(data.parts[0].filename.as_deref(), Some("a.sh"));
    assert_eq!(data.parts[0].body, b"#!/bin/sh\ntrue\n");
}

#[test]
fn all_gzip_streams_share_one_budget() {
    let bomb = gzip::deflate(&vec![b' '; limits::INFLATED_BYTES / 2 + 1]);
    let attachment =
        Attachment { content_type: "application/gzip", filename: None, headers: &[], body: &bomb };
    assert!(UserData::parse(&mime::build(&[attachment])).is_ok());
    assert!(matches!(UserData::parse(&mime::build(&[attachment; 2])), Err(ParseError::Gzip(_))));
}

#[test]
fn a_damaged_stream_costs_its_share_of_the_budget() {
    let bomb = gzip::deflate(&vec![b' '; limits::INFLATED_BYTES / 2 + 1]);
    let attachment =
        |body| Attachment { content_type: "application/gzip", filename: None, headers: &[], body };
    let damaged = attachment(&bomb[..bomb.len() - 4]);
    assert!(UserData::parse(&mime::build(&[damaged])).is_ok());
    assert!(matches!(UserData::parse(&mime::build(&[damaged; 2])), Err(ParseError::Gzip(_))));
}

#[test]
fn a_damaged_stream_stays_a_part_with_a_warning() {
    let stream = gzip::deflate(b"#!/bin/sh\necho a longer text to cut\n");
    let data = UserData::parse(&stream[..20]).unwrap();
    assert_eq!(data.parts[0].content_type, ContentType::Unknown);
    assert_eq!(data.problems[0].rule, Rule::BadGzip);
}

#[test]
fn an_archive_is_opened_into_its_entries() {
    let archive = "#cloud-config-archive\n- type: text/x-shellscript\n  filename: run.sh\n  content: |\n    #!/bin/sh\n    \
                   true\n- |\n  #cloud-config\n  hostname: a\n- content: 'hostname: b'\n";
    let data = UserData::parse(archive.as_bytes()).unwrap();
    let found: Vec<_> = data.parts.iter().map(|p| (p.content_type.clone(), p.filename.as_deref())).collect();
    let config = (ContentType::CloudConfig, None);
    assert_eq!(found, [(ContentType::ShellScript, Some("run.sh")), config.clone(), config]);
    assert_eq!(data.parts[0].body, b"#!/bin/sh\ntrue\n");
}

#[test]
fn a_script_label_does_not_hide_a_cloud_config() {
    let parts = [("text/x-shellscript", &b"#cloud-config\na: 1\n"[..]), ("text/cloud-config", b"a: 1\n")];
    let attachments =
        parts.map(|(content_type, body)| Attachment { content_type, filename: None, headers: &[], body });
    assert_eq!(kinds(&mime::build(&attachments)), [ContentType::CloudConfig, ContentType::CloudConfig]);
}

fn part() -> impl Strategy<Value = Part> {
    let kinds = vec![
        (ContentType::CloudConfig, "#cloud-config\n"),
        (ContentType::ShellScript, "#!/bin/sh\n"),
        (ContentType::ShellScriptPerBoot, "#!/bin/sh\n"),
        (ContentType::BootHook, "#cloud-boothook\n"),
        (ContentType::Include, "#include\n"),
        (ContentType::Jinja, "## template: jinja\n"),
        (ContentType::PartHandler, "#part-handler\n"),
        (ContentType::Other("application/x-own".to_owned()), ""),
    ];
    let body = prop_oneof![
        any::<String>().prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..100),
        "[a-z: \n#!-]{0,80}".prop_map(String::into_bytes),
        Just(b"Mime-Version: 1.0\n--==part-boundary-0000==\n".to_vec()),
    ];
    let merge = proptest::option::of(Just("list(append)+dict(no_replace)".to_owned()));
    (
        proptest::sample::select(kinds),
        body,
        proptest::option::of("[a-z .\"\\\\-]{1,9}"),
        merge,
        any::<Option<u32>>(),
    )
        .prop_map(|((content_type, first), body, filename, merge_type, launch_index)| Part {
            content_type,
            filename,
            merge_type,
            launch_index,
            body: [first.as_bytes(), &body].concat(),
        })
}

proptest! {
    #[test]
    fn what_is_rendered_is_parsed_back(parts in proptest::collection::vec(part(), 1..6), zip in any::<bool>()) {
        let data = UserData { parts, problems: Vec::new() };
        let bytes = data.render();
        let bytes = if zip { gzip::deflate(&bytes) } else { bytes };
        prop_assert_eq!(UserData::parse(&bytes).unwrap(), data);
    }

    #[test]
    fn any_bytes_are_opened_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400), head in 0..5_usize) {
        let heads = ["", "#cloud-config-archive\n", "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n",
            "\u{1f}", "Mime-Version: 1.0\nContent-Type: application/gzip\n\n"];
        let _ = UserData::parse(&[heads[head].as_bytes(), &bytes].concat());
    }
}
