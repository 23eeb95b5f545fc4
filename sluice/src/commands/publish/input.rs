//! Files of measurements: JSON lines or CSV, plain, gzip or zstd, by their own first bytes and not by their names.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::measurement::{self, Kept, Measurement};

/// A longer line is no measurement; reading on would fill the memory.
const LINE_BYTES_MAX: u64 = 2 << 20;
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// How some programs begin UTF-8, and others UTF-16.
const BOM: [u8; 3] = [0xef, 0xbb, 0xbf];
const UTF16: [[u8; 2]; 2] = [[0xff, 0xfe], [0xfe, 0xff]];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// One input, open.
pub(crate) struct Input {
    name: String,
    rows: Rows,
    kept: Kept,
    /// Of the newest row.
    line: u64,
}

enum Rows {
    Json(Box<dyn BufRead>),
    Csv(Box<csv::Reader<Box<dyn BufRead>>>, csv::StringRecord),
}

/// Are all files there? Standard input is.
pub(crate) fn check(files: &[PathBuf]) -> anyhow::Result<()> {
    for file in files.iter().filter(|file| file.as_os_str() != "-") {
        File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    }
    Ok(())
}

// === impl Input ===

impl Input {
    /// Opens a file, or standard input for `-`. The bytes that it reads are counted by `count`, for progress.
    pub(crate) fn open(path: &Path, kept: &Kept, count: impl Fn(u64) + 'static) -> anyhow::Result<Self> {
        let name =
            if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
        let raw: Box<dyn Read> = if path == Path::new("-") {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(path).with_context(|| format!("cannot read {name}"))?)
        };
        let mut text = decompressed(Box::new(BufReader::new(Counted { raw, count })))
            .with_context(|| format!("cannot read {name}"))?;
        let first = text.fill_buf().with_context(|| format!("cannot read {name}"))?;
        if UTF16.iter().any(|mark| first.starts_with(mark)) {
            bail!("{name} is UTF-16: save it as UTF-8");
        }
        if first.starts_with(&BOM) {
            text.consume(BOM.len());
        }
        let first = text.fill_buf().with_context(|| format!("cannot read {name}"))?;
        let json = first.iter().find(|byte| !byte.is_ascii_whitespace()).is_none_or(|byte| *byte == b'{');
        let rows = if json { Rows::Json(text) } else { csv_rows(text, &name)? };
        let line = if matches!(rows, Rows::Csv(..)) { 1 } else { 0 };
        Ok(Self { name, rows, kept: kept.clone(), line })
    }

    /// File and line of the newest measurement.
    pub(crate) fn position(&self) -> String {
        format!("{} line {}", self.name, self.line)
    }

    /// The next measurement; an error names file and line.
    pub(crate) fn next(&mut self) -> anyhow::Result<Option<Measurement>> {
        let got = match &mut self.rows {
            Rows::Json(text) => next_json(text, &self.kept, &mut self.line),
            Rows::Csv(reader, header) => next_csv(reader, header, &self.kept, &mut self.line),
        };
        got.map_err(|why| anyhow::anyhow!("{} {why}", self.position()))
    }
}

fn next_json(text: &mut dyn BufRead, kept: &Kept, line: &mut u64) -> Result<Option<Measurement>, String> {
    loop {
        *line += 1;
        let mut bytes = Vec::new();
        let read = text
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut bytes)
            .map_err(|error| format!("cannot be read: {error}"))?;
        if read == 0 {
            return Ok(None);
        }
        if read as u64 == LINE_BYTES_MAX {
            return Err(format!("is longer than {LINE_BYTES_MAX} bytes: is this a file of JSON lines?"));
        }
        let line = std::str::from_utf8(&bytes).map_err(|error| format!("is not UTF-8: {error}"))?.trim();
        if !line.is_empty() {
            return measurement::from_json(line, kept).map(Some);
        }
    }
}

fn next_csv(
    reader: &mut csv::Reader<Box<dyn BufRead>>,
    header: &csv::StringRecord,
    kept: &Kept,
    line: &mut u64,
) -> Result<Option<Measurement>, String> {
    let mut record = csv::StringRecord::new();
    *line = reader.position().line();
    match reader.read_record(&mut record) {
        Ok(true) => measurement::from_csv(header, &record, kept).map(Some),
        Ok(false) => Ok(None),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

fn csv_rows(text: Box<dyn BufRead>, name: &str) -> anyhow::Result<Rows> {
    let mut reader = csv::ReaderBuilder::new().from_reader(text);
    let header = reader.headers().with_context(|| format!("cannot read the header of {name}"))?.clone();
    let has = |column: &str| header.iter().any(|have| have == column);
    let merged = ["count", "sum", "min", "max"].into_iter().all(has);
    for column in ["ts", "metric", "value"] {
        let is_there = has(column) || (merged && column == "value");
        if !is_there {
            bail!(
                "{name} is neither JSON lines nor CSV with a column {column:?}: its first line is {:?}",
                header.iter().take(8).collect::<Vec<_>>().join(",")
            );
        }
    }
    let mut names = HashSet::new();
    if let Some(twice) = header.iter().find(|name| !names.insert(*name)) {
        bail!("{name} line 1 has the column {twice:?} twice: rename one, or leave one out");
    }
    if names.contains("dims") {
        bail!(
            "{name} line 1 has a column \"dims\": in CSV each dimension is a column of its own, named as it"
        );
    }
    Ok(Rows::Csv(Box::new(reader), header))
}

fn decompressed(mut raw: Box<dyn BufRead>) -> io::Result<Box<dyn BufRead>> {
    let first = raw.fill_buf()?;
    if first.starts_with(&GZIP) {
        return Ok(Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(raw))));
    }
    if first.starts_with(&ZSTD) {
        return Ok(Box::new(BufReader::new(zstd::Decoder::with_buffer(raw)?)));
    }
    Ok(raw)
}

/// The size of all inputs together, where that is known.
pub(crate) fn bytes(files: &[PathBuf]) -> Option<u64> {
    files
        .iter()
        .map(|file| std::fs::metadata(file).ok().filter(std::fs::Metadata::is_file).map(|meta| meta.len()))
        .sum()
}

struct Counted<F> {
    raw: Box<dyn Read>,
    count: F,
}

impl<F: Fn(u64)> Read for Counted<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.raw.read(buffer)?;
        (self.count)(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const LINES: &[u8] =
        b"{\"ts\":60,\"metric\":\"A\",\"value\":1}\n\n{\"ts\":120,\"metric\":\"B\",\"value\":2}";

    #[test]
    fn plain_gzip_zstd_and_csv_are_told_apart_by_their_bytes() {
        check(LINES, "A B");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(LINES).unwrap();
        check(&gzip.finish().unwrap(), "A B");
        check(&zstd::encode_all(LINES, 1).unwrap(), "A B");
        check(b"ts,metric,value,Api\n60,A,1,Get\n120,B,2,Put\n", "A B");
        check(b"", "");
        check(&[b"\xef\xbb\xbf", LINES].concat(), "A B");
        check(b"\xef\xbb\xbfts,metric,value\n60,A,1\n", "A");
        check(&zstd::encode_all(&[b"\xef\xbb\xbf", LINES].concat()[..], 1).unwrap(), "A B");
    }

    #[test]
    fn errors_name_the_line() {
        check(b"{\"ts\":60,\"metric\":\"A\",\"value\":1}\nnonsense\n", "A !line 2 is not JSON");
        check(b"ts,metric,value\n60,A,1\n60,A\n", "A !line 3 cannot be read");
        check(b"ts,metric,value\n60,A,x\n", "!line 2 value is \"x\"");
        check(b"hello\n", "!neither JSON lines nor CSV with a column \"ts\"");
        check(b"\x1f\x8b damaged", "!");
        check(b"ts,metric,value,Api,Api\n60,A,1,Get,Put\n", "!line 1 has the column \"Api\" twice");
        check(b"ts,ts,metric,value\n60,60,A,1\n", "!line 1 has the column \"ts\" twice");
        check(b"ts,metric,value,dims\n60,A,1,x\n", "!line 1 has a column \"dims\"");
        check(b"\xff\xfet\0s\0", "!is UTF-16: save it as UTF-8");
        let twice = br#"{"ts":60,"metric":"A","value":1,"dims":{"a":"b","a":"c"}}"#;
        check(twice, "!line 1 has the dimension \"a\" twice");
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: &str) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let mut said = Vec::new();
        let error = match Input::open(file.path(), &Kept::default(), |_| {}) {
            Err(error) => Some(error),
            Ok(mut input) => loop {
                match input.next() {
                    Ok(Some(measurement)) => said.push(measurement.metric),
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            },
        };
        let (good, bad) = expected.split_once('!').map_or((expected, None), |(good, bad)| (good, Some(bad)));
        assert_eq!(said.join(" "), good.trim());
        let error = error.map(|error| format!("{error:#}"));
        assert_eq!(error.is_some(), bad.is_some(), "{error:?}");
        assert!(error.unwrap_or_default().contains(bad.unwrap_or_default()));
    }
}
