//! `explorer config`, and what the configuration forbids.

use super::{binary, reach_alone};
use end_to_end::command_line::Explorer;
use std::fs;
use tempfile::TempDir;

/// A folder for configurations, with this one.
fn folder(text: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("kinesis-explorer")).unwrap();
    fs::write(folder.path().join("kinesis-explorer/config.json"), text).unwrap();
    folder
}

#[tokio::test]
async fn what_is_in_force_is_shown_with_where_it_comes_from() {
    let folder = folder(r#"{"theme": "light", "times": "utc", "columns": {"orders": "id status"}}"#);
    let explorer = Explorer::bare(binary()).with("XDG_CONFIG_HOME", folder.path().to_str().unwrap());
    let shown = explorer.run(&["config"]).await.succeeded().stdout;
    let file = folder.path().join("kinesis-explorer/config.json");
    let theme = shown.lines().find(|line| line.starts_with("theme")).unwrap();
    assert!(theme.contains("light") && theme.ends_with(file.to_str().unwrap()), "{shown}");
    assert!(shown.lines().any(|line| line.starts_with("mouse") && line.ends_with("default")), "{shown}");

    let chosen = explorer.run(&["config", "--theme", "16", "--output", "json"]).await.succeeded().stdout;
    assert_eq!(chosen.lines().next(), Some(r#"{"setting":"theme","value":"16","from":"--theme"}"#));
    let refused = explorer.run(&["config", "--theme", "neon"]).await;
    assert!(refused.code == Some(2) && refused.stderr.contains("use dark, light, 16 or none"), "{refused:#?}");
}

#[tokio::test]
async fn a_mistake_names_file_line_and_reason_and_what_is_in_force_is_shown_nevertheless() {
    let folder = folder("{\n  \"theme\": \"light\",\n  \"tiems\": \"utc\"\n}");
    let explorer = Explorer::bare(binary()).with("XDG_CONFIG_HOME", folder.path().to_str().unwrap());
    let shown = explorer.run(&["config"]).await;
    let sentence = shown.sentence(1);
    assert!(sentence.contains("kinesis-explorer/config.json, line 3: unknown field `tiems`"), "{sentence}");
    assert!(shown.stdout.lines().any(|line| line.starts_with("times") && line.contains("local")), "{shown:#?}");
}

#[tokio::test]
async fn a_read_only_profile_changes_nothing() {
    let folder = folder(r#"{"read_only_profiles": ["default"]}"#);
    let (_endpoints, explorer) = reach_alone().await;
    let explorer = explorer.with("XDG_CONFIG_HOME", folder.path().to_str().unwrap());
    assert_eq!(explorer.run(&["streams"]).await.code, Some(0));
    let refused = explorer.run(&["configure", "orders", "--mode", "ALL", "--yes"]).await;
    let sentence = refused.sentence(2);
    assert!(sentence.contains("profile default is read-only in") && sentence.ends_with("nothing can be changed"), "{sentence:?}");
}
