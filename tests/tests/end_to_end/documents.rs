//! The documents agree with the program and each other: links work, and `docs/cli.md` has every command and every field of its
//! JSON.

use clap::{Command, CommandFactory as _};
use explorer::commands::Arguments;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A longer README is a manual instead of an introduction.
const LONGEST_README_LINES: usize = 180;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files below a folder whose names end like this.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found
}

fn documents() -> Vec<PathBuf> {
    let mut found = files(&root().join("docs"), ".md");
    found.extend(["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"].map(|name| root().join(name)));
    found
}

/// The lines outside blocks of code.
fn prose(document: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    document.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// The anchors of a document's headings, as GitHub forms them.
fn anchors(document: &str) -> BTreeSet<String> {
    let headings = prose(document).filter(|line| line.starts_with('#'));
    headings
        .map(|heading| {
            let text = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = text.chars().filter(|character| character.is_alphanumeric() || "-_ ".contains(*character));
            kept.map(|character| if character == ' ' { '-' } else { character }).collect()
        })
        .collect()
}

/// The targets of a document's links.
fn links(document: &str) -> Vec<String> {
    let targets = prose(document).flat_map(|line| line.split("](").skip(1));
    targets.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading_that_exist() {
    let mut checked = 0;
    for path in documents() {
        let document = read(&path);
        for link in links(&document).iter().filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').map_or((link.as_str(), None), |(file, anchor)| (file, Some(anchor)));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: {link} leads nowhere", path.display());
            if let Some(anchor) = anchor {
                let found = anchors(&read(&target));
                assert!(found.contains(anchor), "{}: {link} leads to no heading; there are {found:?}", path.display());
            }
            checked += 1;
        }
    }
    assert!(checked > 20, "only {checked} links were found");
}

#[test]
fn the_readme_stays_short_and_links_every_document() {
    let readme = read(&root().join("README.md"));
    assert!(readme.lines().count() <= LONGEST_README_LINES, "move details to docs/");
    for path in files(&root().join("docs"), ".md") {
        let link = format!("(docs/{})", path.file_name().unwrap().to_string_lossy());
        assert!(readme.contains(&link), "README.md does not link {link}");
    }
}

/// The part of `docs/cli.md` about a command, if there is one.
fn section(document: &str, command: &str) -> Option<String> {
    let (_, rest) = document.split_once(&format!("\n### `{command}`\n"))?;
    let end = rest.find("\n### ").unwrap_or(rest.len());
    Some(rest[..end].to_owned())
}

fn commands(command: &Command, path: &str) -> Vec<String> {
    if command.get_subcommands().next().is_none() {
        return vec![path.trim().to_owned()];
    }
    command.get_subcommands().flat_map(|below| commands(below, &format!("{path} {}", below.get_name()))).collect()
}

#[test]
fn the_document_of_the_command_line_has_every_command() {
    let document = read(&root().join("docs/cli.md"));
    for command in commands(&Arguments::command(), "") {
        let section = section(&document, &command).unwrap_or_else(|| panic!("docs/cli.md has no section \"### `{command}`\""));
        let has_fields = section.contains("| field | meaning |\n");
        assert!(
            has_fields != section.contains("Prints no JSON."),
            "{command}: list the fields of its JSON, or say that it prints none"
        );
    }
}

/// The JSON names of the serialized structs' fields in this source.
fn json_fields(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for declared in source.split("#[derive(").skip(1) {
        let Some((derived, rest)) = declared.split_once(")]") else { continue };
        let Some((head, body)) = rest.split_once("{\n") else { continue };
        if !derived.contains("Serialize") || !head.contains("struct ") {
            continue;
        }
        let (mut attributes, body) = (String::new(), body.split("\n}").next().unwrap_or_default());
        for line in body.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
            if line.starts_with("#[") {
                attributes.push_str(line);
                continue;
            }
            let name =
                line.split(':').next().unwrap_or_default().trim_start_matches("pub(super) ").trim_start_matches("pub(crate) ");
            let renamed = attributes.split_once("rename = \"").and_then(|(_, rest)| rest.split('"').next());
            if !attributes.contains("flatten") {
                found.insert(renamed.unwrap_or(name).to_owned());
            }
            attributes.clear();
        }
    }
    found
}

#[test]
fn the_document_of_the_command_line_has_every_field_of_the_json() {
    let document = read(&root().join("docs/cli.md"));
    let (_, tables) = document.split_once("\n## JSON\n").unwrap();
    let mut sources = files(&root().join("explorer/src/commands"), ".rs");
    sources.push(root().join("explorer/src/files/record_json.rs"));
    let fields: BTreeSet<String> = sources.iter().flat_map(|path| json_fields(&read(path))).collect();
    assert!(fields.len() > 80 && fields.contains("partition_key") && fields.contains("recordData"), "{fields:?}");
    for field in &fields {
        assert!(tables.contains(&format!("`{field}`")), "docs/cli.md does not explain `{field}`");
    }
    let firsts = tables.lines().filter_map(|line| line.strip_prefix("| `")).filter_map(|row| row.split(" |").next());
    for named in firsts.flat_map(|cell| cell.split('`').step_by(2)).filter(|name| !name.is_empty() && !name.contains(' ')) {
        assert!(fields.contains(named), "docs/cli.md explains `{named}`, which no command prints");
    }
}
