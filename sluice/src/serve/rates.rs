//! How much accounts may send: the limits of the rule files, for the frontend.

use alerts::AccountLimit;
use frontend::AccountRates;
use model::Rates;

/// In the order of the files: the first that fits counts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FileRates(pub(super) Vec<AccountLimit>);

impl AccountRates for FileRates {
    fn of(&self, account: &str) -> Rates {
        let first = self.0.iter().find(|limit| limit.account.matches(account));
        first.map_or(Rates::default(), |limit| limit.rates)
    }
}
