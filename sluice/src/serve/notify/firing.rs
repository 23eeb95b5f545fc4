//! What fires on all partitions, for whoever tells it.
//!
//! In:   the Views of the islands. Out: [`Firing`], anew when a View is.
//! Never: a wait that holds up an island.

use std::sync::Arc;

use aggregator::{IslandHandle, View};
use alerts::{AlertName, Firing};
use tokio::sync::watch;

use super::EVERY;
use crate::serve::alerts::rfc3339;
use crate::serve::ended;
use crate::serve::partitions::Partitions;

/// Alerts that are told at all. Nobody acts on more, and 100 MB would wait for a receiver that is down.
const TOLD_MAX: usize = 20_000;

/// Looks until the word to end.
pub(super) async fn keep(
    partitions: Arc<Partitions>,
    firing: watch::Sender<Arc<Firing>>,
    stopped: watch::Receiver<()>,
) {
    let (mut ended, mut last) = (std::pin::pin!(ended(stopped)), None);
    loop {
        tokio::select! {
            () = &mut ended => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        // A partition that has not caught up, or whose log is away, may show what was.
        let all_here = partitions.ready().is_ok();
        let views: Vec<Arc<View>> = partitions.islands().iter().map(IslandHandle::view).collect();
        let is_new = |(here, seen): &(bool, Vec<Arc<View>>)| {
            *here != all_here
                || seen.len() != views.len()
                || !seen.iter().zip(&views).all(|(a, b)| Arc::ptr_eq(a, b))
        };
        if last.as_ref().is_none_or(is_new) {
            firing.send_replace(Arc::new(of(&views, all_here)));
            last = Some((all_here, views));
        }
    }
}

/// Everything that fires in these Views, as far as there is room.
fn of(views: &[Arc<View>], all_here: bool) -> Firing {
    let mut firing = Firing { all: all_here, ..Firing::default() };
    for view in views {
        firing.all &= view.alerts.left_out == 0;
        for alert in view.alerts.shown.iter().filter(|alert| alert.is_firing()) {
            if firing.alerts.len() >= TOLD_MAX {
                firing.all = false;
                break;
            }
            let Some(fired) = alert.fired else { continue };
            let name = name_of(alert, fired);
            let minute = view.sealed_through.unwrap_or(fired);
            let annotations = alert.rule.annotation_texts(alert.tier, &alert.dims, minute, alert.value);
            firing.alerts.insert(name, annotations);
        }
    }
    firing
}

/// What an alert that fired in this minute is called.
pub(crate) fn name_of(alert: &aggregator::Alert, fired: model::Minute) -> AlertName {
    AlertName { labels: alert.rule.label_texts(alert.tier, &alert.dims), starts_at: rfc3339(fired) }
}
