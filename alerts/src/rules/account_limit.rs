//! How much accounts may send: `limits` of a rule file.

use model::{Limits, Rates};

use super::Glob;
use crate::fields::At;
use crate::limits::ACCOUNT_LIMITS_MAX;
use crate::problem::{Problem, Problems};

const RATES: [&str; 3] = ["rows_per_second", "measurements_per_second", "bytes_per_second"];

/// An entry of `limits`.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountLimit {
    /// Whose. Each account that fits has the rates for itself.
    pub account: Glob,
    /// How much, for each frontend.
    pub rates: Rates,
}

/// The list under `limits`.
pub(super) fn limits(list: &At<'_>) -> Result<Vec<AccountLimit>, Problems> {
    let (mut limits, mut problems) = (Vec::new(), Vec::new());
    for at in list.list(ACCOUNT_LIMITS_MAX)? {
        match limit(&at) {
            Ok(limit) => limits.push(limit),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(limits) } else { Err(Problems(problems)) }
}

fn limit(at: &At<'_>) -> Result<AccountLimit, Problem> {
    let fields = at.fields(&["account", RATES[0], RATES[1], RATES[2]])?;
    let account = fields.need("account")?.name(Limits::DEFAULT.account_bytes_max)?;
    let rate = |key| fields.get(key).map(|at| rate(&at)).transpose();
    let rates = Rates {
        rows_per_second: rate(RATES[0])?,
        measurements_per_second: rate(RATES[1])?,
        bytes_per_second: rate(RATES[2])?,
    };
    Ok(AccountLimit { account: Glob::new(account), rates })
}

fn rate(at: &At<'_>) -> Result<f64, Problem> {
    let rate = at.number()?;
    if rate >= 1.0 {
        return Ok(rate);
    }
    Err(at.problem(format!(
        "is {rate}, must be at least 1 a second; delete an account with `sluice delete --everything`"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RuleSet;

    #[test]
    fn limits_are_read_in_their_order() {
        let text =
            "limits:\n- {account: shop, rows_per_second: 1_000, bytes_per_second: 1e6}\n- {account: '*'}\n";
        let set = RuleSet::parse(text).unwrap();
        let [shop, rest] = set.limits.as_slice() else { panic!("{:?}", set.limits) };
        let rates =
            Rates { rows_per_second: Some(1e3), measurements_per_second: None, bytes_per_second: Some(1e6) };
        assert_eq!(shop.rates, rates);
        assert!(shop.account.matches("shop") && !shop.account.matches("shops"));
        assert_eq!((rest.account.matches("any"), rest.rates), (true, Rates::default()));
    }

    #[test]
    fn what_cannot_be_is_named_with_its_place() {
        check("limits: [{rows_per_second: 1}]", "1:10: limits[0]: account is missing");
        check(
            "limits: [{account: a, rows_per_second: 0}]",
            "limits[0].rows_per_second: is 0, must be at least 1",
        );
        check("limits: [{account: a, rows_per_secnod: 1}]", "did you mean \"rows_per_second\"?");
        check("limits: [{account: a, rows_per_second: many}]", "must be a number");
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let got = RuleSet::parse(text).unwrap_err().to_string();
        assert!(got.contains(expected), "{got}");
    }
}
