//! Completions, pages of the manual, and the version.

use super::binary;
use end_to_end::command_line::Explorer;
use std::fs;
use std::process::Command;

#[tokio::test]
async fn every_shell_gets_a_script_that_knows_the_commands() {
    let explorer = Explorer::bare(binary());
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = explorer.run(&["completions", shell]).await.succeeded().stdout;
        assert!(["records", "configure", "read-only"].iter().all(|word| script.contains(word)), "{shell}");
    }
    let refused = explorer.run(&["completions", "tcsh"]).await;
    assert!(refused.code == Some(2) && refused.stderr.contains("fish"), "{refused:#?}");
}

#[tokio::test]
async fn bash_completes_commands() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("explorer.bash");
    fs::write(&script, Explorer::bare(binary()).run(&["completions", "bash"]).await.succeeded().stdout).unwrap();
    let typed = "source \"$1\"; COMP_WORDS=(explorer rec); COMP_CWORD=1; _explorer explorer rec explorer; echo \"${COMPREPLY[@]}\"";
    let output = Command::new("bash").args(["-c", typed, "bash"]).arg(&script).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "records recover");
}

#[tokio::test]
async fn the_manual_has_a_page_for_each_command() {
    let explorer = Explorer::bare(binary());
    let page = explorer.run(&["man"]).await.succeeded().stdout;
    assert!(page.contains(".TH explorer 1") && page.contains("explorer\\-records(1)"), "{page}");

    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("share/man1");
    let written = explorer.run(&["man", "--dir", pages.to_str().unwrap()]).await.succeeded();
    for name in ["explorer", "explorer-records", "explorer-replay", "explorer-replay-plan"] {
        let page = fs::read_to_string(pages.join(format!("{name}.1"))).unwrap();
        assert!(page.contains(&format!(".TH {name} 1")), "{name}: {page}");
    }
    assert_eq!(written.stdout, format!("{} pages in {}\n", fs::read_dir(&pages).unwrap().count(), pages.display()));

    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let refused = explorer.run(&["man", "--dir", file.to_str().unwrap()]).await;
    assert!(refused.sentence(1).contains(file.to_str().unwrap()), "{refused:#?}");
}

#[tokio::test]
async fn the_version_is_that_of_the_package() {
    let version = Explorer::bare(binary()).run(&["--version"]).await.succeeded().stdout;
    assert!(version.starts_with(&format!("explorer {}", env!("CARGO_PKG_VERSION"))), "{version}");
}
