//! The shape of `sluice.v1.PublishRequest`; see `publish.proto`.

use proto::v1::PublishRequest;

use super::Shaped;
use super::limits::Kind;
use super::wire::Field::{Fixed64, Many, Texts, Varints};
use super::wire::Shape;

impl Shaped for PublishRequest {
    const NAME: &'static str = "sluice.v1.PublishRequest";
    const SHAPE: &'static Shape = &REQUEST;
}

static REQUEST: Shape = Shape(&[(1, Many(Kind::Batches, &BATCH))]);

static BATCH: Shape = Shape(&[
    (10, Varints(Kind::Entries)),
    (20, Varints(Kind::Entries)),
    (21, Varints(Kind::Entries)),
    (22, Varints(Kind::Entries)),
    (23, Varints(Kind::Entries)),
    (24, Fixed64(Kind::Words)),
    (25, Fixed64(Kind::Words)),
    (26, Fixed64(Kind::Words)),
    (30, Varints(Kind::Entries)),
    (31, Varints(Kind::Entries)),
    (32, Varints(Kind::Words)),
    (33, Fixed64(Kind::Words)),
    (34, Fixed64(Kind::Words)),
    (35, Fixed64(Kind::Words)),
    (36, Varints(Kind::Entries)),
    (40, Varints(Kind::Entries)),
    (41, Texts(Kind::Sketches)),
    (42, Varints(Kind::Entries)),
    (43, Texts(Kind::Sketches)),
    (50, Varints(Kind::Entries)),
    (51, Fixed64(Kind::Words)),
    (52, Fixed64(Kind::Words)),
]);
