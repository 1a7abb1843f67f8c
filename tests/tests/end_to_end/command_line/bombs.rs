//! Small records that unpack to gigabytes: reading, printing and exporting them takes little memory.

use super::binary;
use archiver::format::aggregate::aggregate;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use end_to_end::command_line::Explorer;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use std::io::Write as _;
use tokio::io::AsyncReadExt as _;

/// What one record may take, in KiB: one payload of 64 MiB, its JSON, and the program.
const MOST_KIB: u64 = 300 * 1024;

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Runs a command and reads its output piece by piece. Returns the size of the output, and the program's peak memory before the
/// last piece is read; it cannot end earlier.
async fn printed_and_peak_kib(explorer: &Explorer, arguments: &[&str]) -> (usize, u64) {
    let mut process = explorer.command(arguments).spawn().unwrap();
    let status = format!("/proc/{}/status", process.id().unwrap());
    let mut stdout = process.stdout.take().unwrap();
    let (mut printed, mut peak) = (0, 0);
    let mut piece = vec![0; 16 * 1024];
    loop {
        let length = stdout.read(&mut piece).await.unwrap();
        if length == 0 {
            break;
        }
        printed += length;
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        peak = line.trim().trim_end_matches(" kB").parse().unwrap_or(peak);
    }
    assert!(process.wait().await.unwrap().success(), "{arguments:?}");
    (printed, peak)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_record_that_unpacks_to_gigabytes_takes_little_memory() {
    // Sixty parts in a row are one content, and quick to compress.
    let bomb = gzip(&gzip(&vec![b' '; 1 << 20]).repeat(60));
    let records: Vec<(&str, Option<&str>, &[u8])> = vec![("cust-1", None, &bomb); 100];
    let payload = aggregate(&records);
    assert!(payload.len() < 100_000);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    let line = json!({"partition_key": "cust-1", "sequence_number": "4959", "data": STANDARD.encode(&payload)});
    std::fs::write(&path, format!("{line}\n")).unwrap();
    let file = path.to_str().unwrap();
    let explorer = Explorer::bare(binary());
    let (printed, peak) = printed_and_peak_kib(&explorer, &["records", "--file", file, "--output", "json"]).await;
    assert!(printed > 60 << 20 && printed < 70 << 20, "{printed} bytes are printed");
    assert!(peak > 0 && peak < MOST_KIB, "{peak} KiB are taken");
    let found = explorer.run(&["records", "--file", file, "text:paid"]).await;
    assert!(found.stderr.contains("1 record could not be searched"), "{}", found.stderr);
    let listed = explorer.run(&["get", "--file", file, "cust-1"]).await.succeeded().stdout;
    assert_eq!(listed.lines().filter(|line| line.contains("cust-1")).count(), 101, "{listed}");
}
