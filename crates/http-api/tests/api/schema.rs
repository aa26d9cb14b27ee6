//! JSON Schema, as much of it as the document uses: `$ref`, `oneOf`, `allOf`, `type`, `enum`, `properties`,
//! `required`, `additionalProperties`, `propertyNames`, `items`, `minimum`, `format`. A keyword that is not known
//! here fails, so that nothing is passed over.

use axum::http::{Method, StatusCode};
use serde_json::Value;

/// Holds an answer against what the document says of its operation.
pub fn check_answer(document: &Value, method: &Method, path: &str, status: StatusCode, body: &Value) {
    let path = path.split('?').next().unwrap_or_default();
    let template = template_of(document, path);
    let Some(operation) = document["paths"][&template].get(method.as_str().to_lowercase()) else {
        // Not in the API at all: the answer still has the error's form.
        check(document, &document["components"]["schemas"]["ErrorReply"], body, path);
        return;
    };
    let responses = &operation["responses"];
    let response = responses.get(status.as_str()).or_else(|| {
        assert!(!status.is_success(), "{method} {template}: the status {status} is not in the document");
        responses.get("default")
    });
    let response =
        response.unwrap_or_else(|| panic!("{method} {template}: {status} is not in the document: {body}"));
    match response.get("content") {
        Some(content) => check(document, &content["application/json"]["schema"], body, &template),
        None => assert!(body.is_null(), "{method} {template}: a body that is not in the document: {body}"),
    }
}

/// The path of the document that `path` is an instance of.
fn template_of(document: &Value, path: &str) -> String {
    let fits = |template: &str| {
        let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        template.len() == path.len()
            && template.iter().zip(&path).all(|(part, given)| part == given || part.starts_with('{'))
    };
    let mut templates: Vec<_> = document["paths"].as_object().unwrap().keys().filter(|t| fits(t)).collect();
    // What is written out comes before what stands in braces.
    templates.sort_by_key(|template| template.matches('{').count());
    templates.first().map(|template| template.to_string()).unwrap_or_default()
}

fn check(document: &Value, schema: &Value, value: &Value, at: &str) {
    let Some(keywords) = schema.as_object() else { panic!("{at}: no schema, but {schema}") };
    for (keyword, rule) in keywords {
        match keyword.as_str() {
            "$ref" => {
                let name = rule.as_str().unwrap().strip_prefix("#/components/schemas/").unwrap();
                let target = &document["components"]["schemas"][name];
                check(document, target, value, at);
            }
            "oneOf" => {
                let fitting = rule.as_array().unwrap().iter().filter(|schema| fits(document, schema, value));
                assert_eq!(fitting.count(), 1, "{at}: {value} fits not exactly one of {rule}");
            }
            "allOf" => rule.as_array().unwrap().iter().for_each(|schema| check(document, schema, value, at)),
            "type" => assert!(has_type(rule, value), "{at}: {value} is no {rule}"),
            "enum" => assert!(rule.as_array().unwrap().contains(value), "{at}: {value} is none of {rule}"),
            "required" => rule.as_array().unwrap().iter().for_each(|name| {
                assert!(value.get(name.as_str().unwrap()).is_some(), "{at}: {name} is missing in {value}");
            }),
            "properties" => check_properties(document, rule, value, at),
            "additionalProperties" if rule.is_boolean() => {}
            "additionalProperties" => value.as_object().unwrap().iter().for_each(|(name, value)| {
                check(document, rule, value, &format!("{at}.{name}"));
            }),
            "items" => value.as_array().unwrap().iter().enumerate().for_each(|(i, value)| {
                check(document, rule, value, &format!("{at}[{i}]"));
            }),
            "minimum" => assert!(value.as_f64().unwrap() >= rule.as_f64().unwrap(), "{at}: {value} < {rule}"),
            "format" if rule == "date-time" => {
                let text = value.as_str().unwrap();
                assert!(text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok(), "{at}: {text:?}");
            }
            "format" | "description" | "propertyNames" => {}
            other => panic!("{at}: the keyword {other} is not known to this check"),
        }
    }
}

fn check_properties(document: &Value, properties: &Value, value: &Value, at: &str) {
    for (name, value) in value.as_object().unwrap_or_else(|| panic!("{at}: {value} is no object")) {
        let schema = properties.get(name);
        let schema = schema.unwrap_or_else(|| panic!("{at}: {name} is not in the document"));
        check(document, schema, value, &format!("{at}.{name}"));
    }
}

fn fits(document: &Value, schema: &Value, value: &Value) -> bool {
    std::panic::catch_unwind(|| check(document, schema, value, "")).is_ok()
}

fn has_type(rule: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("the type {other} is not known to this check"),
    };
    match rule {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().any(|name| is(name.as_str().unwrap())),
        other => panic!("a type is a name or several, not {other}"),
    }
}
