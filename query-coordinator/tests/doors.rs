//! The JSON API as a program sees it, and answers when something is missing or too much.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

mod house;

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use house::{Plan, Room, Row, Upkeep, coordinator, rooms};
use model::{Aggregate, Number, Placement, Scalars, metric_hash};
use proto::v1;
use query_coordinator::{PartitionError, QueryLimits, router};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const PLAN: Plan =
    Plan { partitions: 4, spread: 4, sealed_through: 101, now: 103, known_from: 0, upkeep: Upkeep::Nothing };

fn row(metric: &'static str, api: &str, minute: u32, sum: i64) -> Row {
    Row {
        metric,
        dims: vec![("Api".into(), api.into())],
        minute,
        aggregate: Aggregate::of(Scalars::of(Number::Int(sum))),
        seal: 0,
        open: minute > PLAN.sealed_through,
    }
}

fn rows() -> Vec<Row> {
    vec![
        row("Latency", "Get", 100, 5),
        row("Latency", "Get", 101, 2),
        row("Latency", "Put", 101, 3),
        row("Latency", "List", 100, 1),
        row("Latency", "New", 102, 50),
        row("Requests", "Get", 100, 12),
        row("sluice.publisher.rows_built", "agent", 100, 4),
        row("sluice.publisher.rows_built", "agent", 101, 4),
    ]
}

fn app(change: impl FnOnce(&mut std::collections::BTreeMap<u32, Room>), limits: QueryLimits) -> Router {
    let mut rooms = rooms(PLAN, &rows(), &[(100, 4), (101, 3)]);
    change(&mut rooms);
    router(coordinator(PLAN, rooms, limits))
}

async fn post(app: Router, path: &str, body: impl Into<Body>) -> (StatusCode, Value) {
    let request = Request::post(path).body(body.into()).unwrap();
    let reply = app.oneshot(request).await.unwrap();
    let status = reply.status();
    let bytes = to_bytes(reply.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

fn top() -> Value {
    json!({"metric": "Latency", "by": ["Api"], "rank": "sum", "n": 1, "from": 6000, "to": 6120})
}

fn with(mut body: Value, field: &str, value: Value) -> String {
    body[field] = value;
    body.to_string()
}

#[tokio::test]
async fn top_answers_as_the_interface_shows() {
    let mut body = top();
    body["pivot"] =
        json!([{"metric": "Requests", "sampling": "sum"}, {"metric": "Nothing", "sampling": "max"}]);
    let (status, mut reply) = post(app(|_| {}, QueryLimits::default()), "/v1/top", body.to_string()).await;
    assert_eq!(status, StatusCode::OK);
    let stats = reply["stats"].take();
    assert!(stats["series_scanned"] == 4 && stats["bytes_read"].as_u64() > Some(0) && stats["ms"].is_f64());
    let expected = json!({
        "rows": [{"dims": {"Api": "Get"}, "rank": 7, "pivot": {"Requests:sum": 12, "Nothing:max": null}, "points": null}],
        "others": {"groups": 2, "rank": 4},
        "completeness": {
            "ratio": 0.875, "partial": true,
            "reasons": ["1 of 8 rows that publishers declared have not arrived: they may come late, or are lost"],
            "partitions": {"asked": 4, "answered": 4},
            "minutes": [
                {"time": 6000, "ratio": 1.0, "state": "sealed", "rows_declared": 4, "rows_applied": 4},
                {"time": 6060, "ratio": 0.75, "state": "sealed", "rows_declared": 4, "rows_applied": 3},
            ],
        },
        "stats": null,
        "warnings": ["account default has no metric Nothing: /v1/metrics/list has those that it has"],
    });
    assert_eq!(reply, expected);
}

/// Only partitions that can hold a named metric are asked, each pass counts, and completeness speaks of the same ones.
#[tokio::test]
async fn stats_say_how_many_partitions_were_asked_and_how_often() {
    let homes = |placement: Placement, metric| placement.partitions_of(metric_hash("default", metric));
    for spread in 1..=PLAN.partitions {
        let plan = Plan { spread, ..PLAN };
        let placement = Placement::new(plan.partitions, spread).unwrap();
        let latency: BTreeSet<u32> = homes(placement, "Latency").collect();
        let both: BTreeSet<u32> = homes(placement, "Requests").chain(latency.iter().copied()).collect();
        let mut wide = top();
        (wide["points"], wide["pivot"]) = (json!(true), json!([{"metric": "Requests"}]));
        let nothing = json!([{"dim": "Api", "op": "=", "values": ["Nothing"]}]);
        let hints = json!({"metric": "Latency", "of": "Api", "select": nothing, "from": 6000, "to": 6120});
        let asks = [("top", top(), &latency, 1), ("top", wide, &both, 3), ("hints", hints, &latency, 2)];
        for (path, body, expected, rounds) in asks {
            let app = router(coordinator(plan, rooms(plan, &rows(), &[]), QueryLimits::default()));
            let (_, reply) = post(app, &format!("/v1/{path}"), body.to_string()).await;
            let asked = json!(expected.len());
            assert_eq!(reply["stats"]["partitions_asked"], asked, "{path}, spread {spread}");
            assert_eq!(reply["stats"]["rounds"], rounds, "{path}, spread {spread}");
            assert_eq!(reply["completeness"]["partitions"], json!({"asked": asked, "answered": asked}));
        }
    }
}

#[tokio::test]
async fn points_come_for_row_and_pivot() {
    let mut body = top();
    (body["points"], body["pivot"]) = (json!(true), json!([{"metric": "Requests"}]));
    let (_, reply) = post(app(|_| {}, QueryLimits::default()), "/v1/top", body.to_string()).await;
    let row = &reply["rows"][0];
    assert_eq!(row["points"], json!([{"time": 6000, "value": 5}, {"time": 6060, "value": 2}]));
    let points = json!([{"time": 6000, "value": 12}, {"time": 6060, "value": null}]);
    assert_eq!(row["pivot_points"], json!({"Requests:sum": points}));
}

/// Whole numbers have all their digits, and a sum that is no whole number any more says so.
#[tokio::test]
async fn integers_are_exact_and_an_overflow_is_told() {
    let rows = [
        row("Bytes", "Get", 100, i64::MAX),
        row("Bytes", "Put", 100, i64::MAX - 1),
        row("Bytes", "Put", 101, 5),
        row("Bytes", "List", 100, (1 << 53) + 1),
    ];
    let app = || router(coordinator(PLAN, rooms(PLAN, &rows, &[]), QueryLimits::default()));
    let mut body = top();
    (body["metric"], body["n"], body["points"]) = (json!("Bytes"), json!(2), json!(true));
    body["pivot"] = json!([{"metric": "Bytes", "sampling": "sum"}, {"metric": "Bytes", "sampling": "max"}]);
    let (_, reply) = post(app(), "/v1/top", body.to_string()).await;
    let [put, get] = [&reply["rows"][0], &reply["rows"][1]];
    assert_eq!((&put["dims"]["Api"], &put["rank"]), (&json!("Put"), &json!(9.223_372_036_854_776e18)));
    assert_eq!(put["points"][0]["value"], json!(i64::MAX - 1));
    assert_eq!((&get["rank"], &get["pivot"]["Bytes:max"]), (&json!(i64::MAX), &json!(i64::MAX)));
    assert_eq!(reply["others"]["rank"], json!((1_i64 << 53) + 1));
    let told = "the sum of Bytes left the range of 64-bit integers in 1 rows: there it is a float, exact to 15 digits";
    assert_eq!(reply["warnings"], json!([told, told]), "of the rank, and of the pivot by sum");

    let mut series = json!({"metric": "Bytes", "sampling": "sum", "by": [], "from": 6000, "to": 6120});
    let (_, reply) = post(app(), "/v1/series", series.to_string()).await;
    assert_eq!(reply["rows"][0]["points"][1]["value"], json!(5));
    assert_eq!(reply["warnings"], json!([told]));
    series["sampling"] = json!("count");
    let (_, reply) = post(app(), "/v1/series", series.to_string()).await;
    assert_eq!((&reply["rows"][0]["points"][0]["value"], &reply["warnings"]), (&json!(3), &json!([])));
}

#[tokio::test]
async fn what_exists_is_listed() {
    let app = || app(|_| {}, QueryLimits::default());
    let hints = json!({"metric": "Latency", "of": "Api", "from": 6000, "to": 6120, "limit": 2}).to_string();
    let (_, reply) = post(app(), "/v1/hints", hints).await;
    assert_eq!(reply["values"], json!([{"value": "Get", "series": 1}, {"value": "List", "series": 1}]));
    assert_eq!((&reply["total"], &reply["next"]), (&json!(3), &json!("List")));
    let metrics = json!({"from": 6000, "to": 6060, "prefix": "L"}).to_string();
    let (_, reply) = post(app(), "/v1/metrics/list", metrics).await;
    assert_eq!(reply["metrics"], json!([{"metric": "Latency", "series": 2, "dims": ["Api"]}]));
    let dimensions = json!({"metric": "Latency", "from": 6060, "to": 6120}).to_string();
    let (_, reply) = post(app(), "/v1/dimensions/list", dimensions).await;
    assert_eq!(reply["dimensions"], json!([{"name": "Api", "values": 2, "series": 2}]));
    let series = json!({"metric": "Latency", "sampling": "avg", "from": 6000, "to": 6120}).to_string();
    let (_, reply) = post(app(), "/v1/series", series).await;
    let points = json!([{"time": 6000, "value": 3.0}, {"time": 6060, "value": 2.5}]);
    assert_eq!(reply["rows"], json!([{"dims": {}, "points": points}]));
}

#[tokio::test]
async fn errors_say_what_to_do() {
    let too_large = vec![b' '; (1 << 20) + 1];
    let refused = [
        ("/v1/top", Body::from(with(top(), "n", json!(0))), 400, "invalid_argument", "n: 0 is not from 1"),
        (
            "/v1/top",
            Body::from(with(top(), "wher", json!([]))),
            400,
            "invalid_argument",
            "unknown field `wher`",
        ),
        ("/v1/top", Body::from(with(top(), "from", json!(-1))), 400, "invalid_argument", "invalid value"),
        ("/v1/top", Body::from("{"), 400, "invalid_argument", "EOF while parsing"),
        ("/v1/hints", Body::from(top().to_string()), 400, "invalid_argument", "unknown field"),
        ("/v1/top", Body::from(too_large), 413, "body", "cannot be read"),
        ("/v1/health", Body::empty(), 405, "method_not_allowed", "does not take POST"),
    ];
    for (path, body, status, code, message) in refused {
        let (got, reply) = post(app(|_| {}, QueryLimits::default()), path, body).await;
        let error = &reply["error"];
        assert_eq!((got.as_u16(), error["code"].as_str()), (status, Some(code)), "{reply}");
        assert!(error["message"].as_str().unwrap().contains(message), "{reply}");
        assert!(!error["hint"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn too_much_is_refused_by_name() {
    let limits = QueryLimits::default;
    check_limit(QueryLimits { points_max: 3, ..limits() }, "too_many_points").await;
    check_limit(QueryLimits { groups_max: 2, ..limits() }, "too_many_groups").await;
    check_limit(QueryLimits { answer_points_max: 1, ..limits() }, "too_large_answer").await;
}

async fn check_limit(limits: QueryLimits, code: &str) {
    let plan = Plan { partitions: 1, spread: 1, ..PLAN };
    let app = router(coordinator(plan, rooms(plan, &rows(), &[]), limits));
    let (status, reply) = post(app, "/v1/top", with(top(), "points", json!(true))).await;
    assert_eq!((status.as_u16(), reply["error"]["code"].as_str()), (422, Some(code)), "{reply}");
}

#[tokio::test]
async fn a_missing_island_makes_an_answer_partial() {
    for why in [PartitionError::Recovering, PartitionError::Failed("disk full".into())] {
        let reason = format!("partition 2 did not answer: {why}");
        let app = app(|rooms| rooms.get_mut(&2).unwrap().broken = Some(why), QueryLimits::default());
        let (status, reply) = post(app, "/v1/top", top().to_string()).await;
        let complete = &reply["completeness"];
        assert_eq!((status, &complete["partial"]), (StatusCode::OK, &json!(true)));
        assert_eq!(complete["partitions"], json!({"asked": 4, "answered": 3}));
        assert_eq!(complete["reasons"][0], json!(reason));
        assert!(complete["ratio"].as_f64() <= Some(0.75));
    }
    let nobody = app(|rooms| drop(rooms.remove(&1)), QueryLimits::default());
    let (_, reply) = post(nobody, "/v1/top", top().to_string()).await;
    assert!(reply["completeness"]["reasons"][0].as_str().unwrap().contains("no worker holds it"));
}

#[tokio::test]
async fn an_island_that_is_too_slow_is_left_out() {
    let limits =
        QueryLimits { deadline: Duration::from_millis(1_600), jobs_max: 8, ..QueryLimits::default() };
    let app = app(|rooms| rooms.get_mut(&3).unwrap().delay = Duration::from_millis(2_500), limits);
    let (_, reply) = post(app, "/v1/top", top().to_string()).await;
    let complete = &reply["completeness"];
    assert_eq!(
        complete["reasons"][0],
        json!("partition 3 did not answer: not in time: a query may take 1600 ms")
    );
    assert_eq!(complete["partitions"], json!({"asked": 4, "answered": 3}));
}

#[tokio::test]
async fn open_minutes_are_seen_when_asked_for() {
    let ask = |open| with(with_to(6180), "include_open", json!(open));
    let (_, reply) = post(app(|_| {}, QueryLimits::default()), "/v1/top", ask(false)).await;
    assert_eq!(reply["rows"][0]["dims"], json!({"Api": "Get"}));
    assert_eq!(reply["completeness"]["minutes"][2]["state"], json!("unsealed"));
    assert_eq!(reply["completeness"]["partial"], json!(true));
    let (_, reply) = post(app(|_| {}, QueryLimits::default()), "/v1/top", ask(true)).await;
    assert_eq!((&reply["rows"][0]["dims"], &reply["rows"][0]["rank"]), (&json!({"Api": "New"}), &json!(50)));
    assert_eq!(reply["completeness"]["minutes"][2]["state"], json!("open"));
}

#[tokio::test]
async fn what_islands_have_forgotten_is_not_missing() {
    for (known_from, ratio) in [(60, 0.875), (120, 1.0)] {
        let plan = Plan { known_from, ..PLAN };
        let rows: Vec<Row> = rows().into_iter().map(|row| Row { open: false, ..row }).collect();
        let app =
            router(coordinator(plan, rooms(plan, &rows, &[(100, 4), (101, 3)]), QueryLimits::default()));
        let (_, reply) = post(app, "/v1/top", top().to_string()).await;
        assert_eq!(reply["completeness"]["ratio"], ratio, "{reply}");
        assert_eq!(reply["rows"][0]["rank"], 7.0);
    }
}

fn with_to(to: u64) -> Value {
    let mut body = top();
    body["to"] = json!(to);
    body
}

#[tokio::test]
async fn what_cannot_be_ranked_is_said() {
    let app = || app(|_| {}, QueryLimits::default());
    let (_, reply) = post(app(), "/v1/top", with(top(), "rank", json!("p99"))).await;
    assert_eq!((&reply["rows"], &reply["others"]), (&json!([]), &json!({"groups": 3, "rank": null})));
    let warning = reply["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("3 groups of Latency have data but no distribution"), "{warning}");
    assert!(warning.contains("--as distribution"), "{warning}");
    let (_, reply) = post(app(), "/v1/top", with(top(), "metric", json!("Latenzy"))).await;
    assert!(reply["warnings"][0].as_str().unwrap().contains("has no metric Latenzy"), "{reply}");
}

#[tokio::test]
async fn the_grpc_service_says_the_same() {
    use v1::query_server::Query;
    let coordinator = coordinator(PLAN, rooms(PLAN, &rows(), &[]), QueryLimits::default());
    let request = v1::HintsRequest {
        metric: "Latency".into(),
        of: "Api".into(),
        prefix: "P".into(),
        from: 6000,
        to: 6120,
        ..Default::default()
    };
    let hints = Query::hints(&coordinator, tonic::Request::new(request)).await.unwrap().into_inner();
    assert_eq!(hints.values, [v1::HintValue { value: "Put".into(), series: 1 }]);
    let request = tonic::Request::new(v1::TopRequest { from: 61, to: 120, ..Default::default() });
    let status = Query::top(&coordinator, request).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    assert_eq!(status.message(), "from: 61 is not a whole minute: use a multiple of 60, for example 60");
}

#[tokio::test]
async fn health_and_accounts_cover_every_partition() {
    let mut rooms = rooms(PLAN, &rows(), &[]);
    rooms.remove(&3);
    rooms.get_mut(&1).unwrap().broken = Some(PartitionError::Recovering);
    let coordinator = coordinator(PLAN, rooms, QueryLimits::default());
    let request = v1::PublisherAccountRequest { publisher: 5_u128.to_be_bytes().to_vec(), epoch: 7 };
    let account = coordinator.publisher_account(request).await.unwrap();
    assert_eq!((account.rows_applied, account.rows_duplicate, account.rows_dropped), (10, 14, 2));
    assert_eq!((account.partitions_asked, account.partitions_answered), (4, 2));
    let request = v1::PublisherAccountRequest { publisher: vec![1, 2], epoch: 7 };
    assert!(coordinator.publisher_account(request).await.unwrap_err().to_string().contains("must be 16"));

    let reply =
        router(coordinator).oneshot(Request::get("/v1/health").body(Body::empty()).unwrap()).await.unwrap();
    let bytes = to_bytes(reply.into_body(), 1 << 20).await.unwrap();
    let health: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!((&health["version"], &health["started"]), (&json!("1.2.3"), &json!(99)));
    let states: Vec<_> = health["partitions"].as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert_eq!(states, ["serving", "serving", "serving", "failed"]);
    assert_eq!(health["counters"][0]["rows"], json!(3));
}
