//! The table of floors in ARCHITECTURE.md and the dependencies in the manifests are the same thing, and it has no circles.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says where it is"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A crate's floor and what it may import.
type Arrows = BTreeMap<String, (u32, BTreeSet<String>)>;

#[test]
fn the_manifests_say_what_the_architecture_says() {
    let table = table(&std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap());
    let manifests = manifests();
    assert_eq!(
        table.keys().collect::<Vec<_>>(),
        manifests.keys().collect::<Vec<_>>(),
        "the table's crates and the workspace's"
    );
    for (name, imports) in &manifests {
        let (_, allowed) = &table[name];
        let forbidden: Vec<_> = imports.difference(allowed).collect();
        assert!(forbidden.is_empty(), "{name} imports {forbidden:?}, which the table does not allow");
        let unused: Vec<_> = allowed.difference(imports).collect();
        assert!(
            unused.is_empty(),
            "the table lets {name} import {unused:?}, but it does not: strike them out"
        );
    }
}

#[test]
fn arrows_go_down_a_floor() {
    let table = table(&std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap());
    for (name, (floor, imports)) in &table {
        for import in imports {
            assert!(
                table[import].0 < *floor,
                "{name} (floor {floor}) imports {import} (floor {})",
                table[import].0
            );
        }
    }
}

#[test]
fn a_forbidden_arrow_would_be_seen() {
    let table = table("| 0 | codec | – |\n| 1 | store | codec |\n");
    assert_eq!(table["store"], (1, BTreeSet::from(["codec".to_owned()])));
    assert_eq!(table["codec"], (0, BTreeSet::new()));
}

/// Rows `| floor | crate | may import |`.
fn table(text: &str) -> Arrows {
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [floor, name, imports] = cells[..] else { return None };
        let imports = imports.split(',').map(str::trim).filter(|import| *import != "–");
        Some((name.to_owned(), (floor.parse().ok()?, imports.map(str::to_owned).collect())))
    });
    rows.collect()
}

/// Dependencies among our own crates, tests' aside.
fn manifests() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&cargo.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let ours: BTreeSet<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    let imports = |package: &serde_json::Value| -> BTreeSet<String> {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let normal = dependencies.filter(|dependency| dependency["kind"].is_null());
        let names = normal.map(|dependency| dependency["name"].as_str().unwrap());
        names.filter(|name| ours.contains(name)).map(str::to_owned).collect()
    };
    packages.iter().map(|package| (package["name"].as_str().unwrap().to_owned(), imports(package))).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
