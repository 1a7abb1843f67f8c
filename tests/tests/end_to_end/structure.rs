//! The order of the source files: who may import whom. It reads the sources and follows every path that starts at `crate`, `super`,
//! `self` or a child module, through re-exports, to the file that defines the item. Test modules are left out, and so are methods,
//! which no path names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A crate's rooms, lowest first. A file imports only from its own row and from the rows above it in this table.
const ARCHIVER: &[&[&str]] = &[&["format"], &["aws"], &["store"], &["function"], &["lib"]];
const EXPLORER: &[&[&str]] = &[
    &["private", "off_workers", "user_folders"],
    &["domain"],
    &["terminal"],
    &["app"],
    &["ui"],
    &["aws", "files", "plans", "spool", "remembered", "delivery", "logging", "config"],
    &["replay", "recovery", "sources"],
    &["effects"],
    &["local", "event_loop"],
    &["commands"],
    &["lib"],
];

/// Rooms that import only from themselves and from these.
const ONLY: &[(&str, &[&str])] = &[("domain", &[]), ("app", &["domain"]), ("ui", &["app", "domain", "terminal"])];
/// Rooms that never import from these, though they are lower.
const NEVER: &[(&str, &[&str])] = &[("aws", &["app", "ui"]), ("files", &["app", "ui"])];

/// Files by module, as `domain::filter`; the root is `lib`.
struct Sources(BTreeMap<String, File>);

#[derive(Default)]
struct File {
    children: BTreeSet<String>,
    /// Names that the file imports, each with the path that it wrote.
    imports: BTreeMap<String, Vec<String>>,
    /// Names among them that it only passes on.
    passed_on: BTreeSet<String>,
    /// Other paths in its code.
    paths: BTreeSet<Vec<String>>,
}

#[test]
fn files_import_in_one_direction_only() {
    for (name, rooms) in [("archiver", ARCHIVER), ("explorer", EXPLORER)] {
        let sources = Sources::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src"));
        let mut arrows = sources.arrows();
        assert!(arrows.len() > 40, "{name}: imports are no longer found");
        let all = arrows.clone();
        // A module's own files may use what it defines.
        arrows.retain(|(from, to)| !from.starts_with(&format!("{to}::")) && to != "lib");
        let circles = circles(arrows);
        let circles: Vec<_> = circles.iter().filter(|(from, to)| reaches(&circles, to, from)).collect();
        assert!(circles.is_empty(), "{name}: these imports close circles: {circles:#?}");

        let level = |module: &str| rooms.iter().position(|row| row.contains(&room(module)));
        let homeless: Vec<_> = sources.0.keys().filter(|module| level(module).is_none()).collect();
        assert!(homeless.is_empty(), "{name}: give these files a room in the table: {homeless:?}");
        let upward: Vec<_> = all.iter().filter(|(from, to)| level(from) < level(to)).collect();
        assert!(upward.is_empty(), "{name}: these imports go up: {upward:#?}");
    }
}

#[test]
fn the_explorers_pure_rooms_know_only_what_is_pure() {
    let sources = Sources::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../explorer/src"));
    let is_wrong = |(from, to): &(String, String)| {
        let (from, to) = (room(from), room(to));
        let is_outside = ONLY.iter().any(|(room, allowed)| *room == from && from != to && !allowed.contains(&to));
        is_outside || NEVER.iter().any(|(room, forbidden)| *room == from && forbidden.contains(&to))
    };
    let wrong: Vec<_> = sources.arrows().into_iter().filter(is_wrong).collect();
    assert!(wrong.is_empty(), "these imports mix what is pure with what is not: {wrong:#?}");
}

fn room(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

/// What remains after repeatedly removing files that nothing imports and files that import nothing.
fn circles(mut arrows: BTreeSet<(String, String)>) -> BTreeSet<(String, String)> {
    loop {
        let importing: BTreeSet<String> = arrows.iter().map(|(from, _)| from.clone()).collect();
        let imported: BTreeSet<String> = arrows.iter().map(|(_, to)| to.clone()).collect();
        let before = arrows.len();
        arrows.retain(|(from, to)| imported.contains(from) && importing.contains(to));
        if arrows.len() == before {
            return arrows;
        }
    }
}

/// Whether imports lead from one file to another.
fn reaches(arrows: &BTreeSet<(String, String)>, from: &str, to: &str) -> bool {
    let (mut seen, mut open) = (BTreeSet::from([from]), vec![from]);
    while let Some(module) = open.pop() {
        if module == to {
            return true;
        }
        let imported = arrows.range((module.to_owned(), String::new())..).take_while(|(from, _)| from == module);
        open.extend(imported.map(|(_, to)| to.as_str()).filter(|to| seen.insert(to)));
    }
    false
}

impl Sources {
    fn read(folder: &Path) -> Self {
        let mut sources = Self(BTreeMap::new());
        sources.read_module(folder, "lib", &folder.join("lib.rs"));
        sources
    }

    /// Reads a module's file and those of the modules it declares.
    fn read_module(&mut self, folder: &Path, module: &str, path: &Path) {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file = File::parse(&text);
        for child in &file.children {
            let place = folder.join(child);
            let path = if place.with_extension("rs").exists() { place.with_extension("rs") } else { place.join("mod.rs") };
            self.read_module(&place, &join(module, child), &path);
        }
        self.0.insert(module.to_owned(), file);
    }

    /// Which file imports an item from which other file.
    fn arrows(&self) -> BTreeSet<(String, String)> {
        let mut arrows = BTreeSet::new();
        for (module, file) in &self.0 {
            let imported = file.imports.iter().filter(|(name, _)| !file.passed_on.contains(*name)).map(|(_, path)| path);
            for path in imported.chain(&file.paths) {
                if let Some(target) = self.file_of(module, path, 0).filter(|target| target != module) {
                    arrows.insert((module.clone(), target));
                }
            }
        }
        arrows
    }

    /// The file that defines what the path names in this module; `None` for another crate.
    fn file_of(&self, module: &str, path: &[String], depth: usize) -> Option<String> {
        let mut at = module.to_owned();
        let mut names = path.iter().peekable();
        match path.first()?.as_str() {
            "crate" => at = "lib".to_owned(),
            "super" => at = parent(&at),
            "self" => {}
            name if self.0[&at].children.contains(name) => at = join(&at, name),
            _ => return None,
        }
        names.next();
        while names.next_if(|name| *name == "super").is_some() {
            at = parent(&at);
        }
        for name in names {
            let file = &self.0[&at];
            if file.children.contains(name) {
                at = join(&at, name);
            } else if let Some(elsewhere) = file.imports.get(name).filter(|_| depth < 9) {
                return self.file_of(&at, elsewhere, depth + 1);
            } else {
                break;
            }
        }
        Some(at)
    }
}

fn join(module: &str, child: &str) -> String {
    if module == "lib" { child.to_owned() } else { format!("{module}::{child}") }
}

fn parent(module: &str) -> String {
    module.rsplit_once("::").map_or("lib", |(parent, _)| parent).to_owned()
}

impl File {
    fn parse(text: &str) -> Self {
        let tokens = tokens(text);
        let mut file = Self::default();
        let mut used = BTreeSet::new();
        let mut passed_on = BTreeSet::new();
        let mut at = 0;
        while at < tokens.len() {
            let token = tokens[at].as_str();
            if token == "#" && tokens[at..].iter().take(12).take_while(|token| *token != "]").any(|token| token == "test") {
                at = after_item(&tokens, at);
            } else if token == "mod" && tokens.get(at + 2).is_some_and(|end| end == ";") {
                file.children.insert(tokens[at + 1].clone());
                at += 3;
            } else if token == "use" && tokens.get(at + 1).is_some_and(|next| next != "<") {
                let end = at + tokens[at..].iter().position(|token| token == ";").expect("an import ends");
                let mut imports = Vec::new();
                tree(&mut tokens[at + 1..end].iter().map(String::as_str).peekable(), &[], &mut imports);
                if at > 0 && (tokens[at - 1] == "pub" || tokens[at - 1] == ")") {
                    passed_on.extend(imports.iter().map(|(name, _)| name.clone()));
                }
                file.imports.extend(imports);
                at = end + 1;
            } else if is_name(token) && (at == 0 || tokens[at - 1] != "::") {
                let mut path = vec![token.to_owned()];
                while tokens.get(at + 1).is_some_and(|token| token == "::") && tokens.get(at + 2).is_some_and(|name| is_name(name))
                {
                    path.push(tokens[at + 2].clone());
                    at += 2;
                }
                used.insert(path[0].clone());
                if path.len() > 1 {
                    file.paths.insert(path);
                }
                at += 1;
            } else {
                at += 1;
            }
        }
        file.passed_on = passed_on.difference(&used).cloned().collect();
        file
    }
}

/// The names that an import introduces, with their full paths.
fn tree<'t>(
    tokens: &mut std::iter::Peekable<impl Iterator<Item = &'t str>>,
    before: &[String],
    imports: &mut Vec<(String, Vec<String>)>,
) {
    let mut path = before.to_vec();
    while let Some(token) = tokens.next() {
        match token {
            "::" => {}
            "{" => {
                while tokens.peek().is_some() && tokens.next_if(|token| *token == "}").is_none() {
                    tree(tokens, &path, imports);
                    tokens.next_if(|token| *token == ",");
                }
                return;
            }
            "as" => {
                imports.push((tokens.next().unwrap_or_default().to_owned(), path));
                return;
            }
            "self" if !path.is_empty() => {}
            name => path.push(name.to_owned()),
        }
        if tokens.peek().is_none_or(|token| ["}", ","].contains(token)) {
            break;
        }
    }
    // A glob is named by its whole path, so that globs do not replace one another.
    let name = path.last().filter(|name| *name != "*").cloned().unwrap_or_else(|| path.join("::"));
    imports.push((name, path));
}

/// The place after the item that starts with the attribute here.
fn after_item(tokens: &[String], from: usize) -> usize {
    let mut at = from;
    // Skips attributes, with their brackets.
    while tokens[at] == "#" {
        at += tokens[at..].iter().position(|token| token == "]").expect("an attribute ends") + 1;
    }
    let mut depth = 0;
    while at < tokens.len() {
        match tokens[at].as_str() {
            ";" | "," if depth == 0 => return at + 1,
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 && tokens[at - 1] == "}" {
            return at;
        }
    }
    at
}

fn is_name(token: &str) -> bool {
    token.starts_with(|character: char| character.is_alphabetic() || character == '_')
}

/// Names, `::` and single characters of code. Comments and texts are left out.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if first == '"' {
            end_of_text(rest)
        } else if let Some(hashes) = raw_text(rest) {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = hashes + 2;
            start + rest[start..].find(&end).expect("a text ends") + end.len()
        } else if first == '\'' {
            end_of_character(rest)
        } else if is_name(&rest[..first.len_utf8()]) || first.is_ascii_digit() {
            let length = rest.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(rest.len());
            tokens.push(rest[..length].to_owned());
            length
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

/// How many hashes a raw text begins with, after the `r`.
fn raw_text(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

fn end_of_text(rest: &str) -> usize {
    let mut is_escaped = false;
    let end = rest.char_indices().skip(1).find(|(_, character)| {
        let ends = *character == '"' && !is_escaped;
        is_escaped = *character == '\\' && !is_escaped;
        ends
    });
    end.map_or(rest.len(), |(place, _)| place + 1)
}

/// A character in quotes, or the quote of a lifetime.
fn end_of_character(rest: &str) -> usize {
    let mut characters = rest.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), Some((place, escaped))) => {
            let after = place + escaped.len_utf8();
            after + rest[after..].find('\'').map_or(0, |quote| quote + 1)
        }
        (Some(_), Some((place, '\''))) => place + 1,
        _ => 1,
    }
}
