//! A directory as an object store. `sluice/tests/backup.rs` runs a real S3 API.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;

use store::objects::{ObjectError, Objects, Patience};

fn place(dir: &tempfile::TempDir) -> Objects {
    let url = format!("file://{}/with space", dir.path().display());
    Objects::open_with(&url.replace(' ', "%20"), &[], Patience::SHORT).unwrap()
}

#[test]
fn what_is_put_is_read_listed_and_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let objects = place(&dir);
    objects.put("a/b/one", "first").unwrap();
    objects.put("a/c/two", "second").unwrap();
    objects.put("a/b/one", "anew").unwrap();

    assert_eq!(objects.get("a/b/one", 100).unwrap(), "anew");
    assert_eq!(objects.get_range("a/c/two", 1..4).unwrap(), "eco");
    let names = |folder| objects.list(folder).unwrap().into_iter().map(|info| (info.name, info.bytes));
    assert_eq!(names("a").collect::<Vec<_>>(), [("a/b/one".into(), 4), ("a/c/two".into(), 6)]);
    assert_eq!(names("a/c").count(), 1);
    assert_eq!(names("nothing").count(), 0);

    objects.delete("a/b/one").unwrap();
    objects.delete("a/b/one").unwrap();
    let gone = objects.get("a/b/one", 100).unwrap_err();
    assert!(matches!(&gone, ObjectError::NotFound { object } if object.ends_with("a/b/one")), "{gone}");
}

#[test]
fn a_file_goes_up_as_far_as_asked_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let objects = place(&dir);
    let content: Vec<u8> = (0..20_000_000_u32).map(|at| (at % 251) as u8).collect();
    let file = dir.path().join("large");
    fs::write(&file, &content).unwrap();
    let moved = std::sync::atomic::AtomicU64::new(0);
    let count = |bytes| {
        moved.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
    };

    objects.put_file("large", &file, 19_000_001, &count).unwrap();
    assert_eq!(moved.into_inner(), 19_000_001);
    assert_eq!(objects.get("large", 1 << 30).unwrap(), content[..19_000_001]);

    let longer = objects.put_file("longer", &file, 20_000_001, &|_| {}).unwrap_err();
    assert!(longer.to_string().contains("large"), "{longer}");
    assert!(objects.get("longer", 1 << 30).is_err(), "half an object under its name");
    let small = objects.get("large", 100).unwrap_err().to_string();
    assert!(small.contains("19000001 bytes, at most 100"), "{small}");
}

#[test]
fn a_url_that_cannot_be_is_refused_with_the_way_out() {
    for (url, said) in [
        ("nonsense", "file:///dir, s3://bucket/prefix"),
        ("ftp://host/dir", "file:///dir, s3://bucket/prefix"),
        ("file:///", "the root directory"),
        ("s3://key:secret@bucket/prefix", "into the environment"),
    ] {
        let why = Objects::open_with(url, &[], Patience::SHORT).unwrap_err().to_string();
        assert!(why.contains(said) && !why.contains("secret"), "{url}: {why}");
    }
}

#[test]
fn a_store_that_is_away_is_an_error_of_one_line_and_not_for_ever() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let env = [
        ("AWS_ENDPOINT_URL", format!("http://{free}")),
        ("AWS_ACCESS_KEY_ID", "a".into()),
        ("AWS_SECRET_ACCESS_KEY", "b".into()),
        ("AWS_REGION", "eu-north-1".into()),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    let objects = Objects::open_with("s3://bucket/prefix", &env, Patience::SHORT).unwrap();
    let why = objects.get("name", 1).unwrap_err();
    assert!(matches!(why, ObjectError::Away { .. }), "{why}");
    let why = why.to_string();
    assert!(why.contains("s3://bucket/prefix/name") && why.contains("try again"), "{why}");
    assert_eq!(why.lines().count(), 1);
}
