//! Compiles the .proto files without a `protoc` on the machine.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let files = [
        "sluice/v1/publish.proto",
        "sluice/v1/query.proto",
        "sluice/v1/delete.proto",
        "sluice/v1/worker.proto",
    ];
    let descriptors = protox::compile(files, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("sluice.v1.descriptor.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".sluice.v1.Batch")
        .bytes(".sluice.v1.LeaseAsk")
        .bytes(".sluice.v1.LeaseSaid")
        .compile_fds(descriptors)?;
    Ok(())
}
