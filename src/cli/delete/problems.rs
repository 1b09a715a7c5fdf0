//! What of a deletion is known not to be done before anything is: what is not there, has changed, or is needed.

use super::plan::{Cause, Refusal};
use super::prepare::Prepared;
use super::show::vendor_way;
use super::{Args, Report};
use crate::cli::failure::{Failure, Kind};
use crate::spec::{Locator, Reference};

impl Prepared {
    /// Reports what was wrong before anything was done.
    pub(super) fn report_problems(&mut self, args: &Args, report: &mut Report) -> Result<(), Failure> {
        for (locator, failure) in std::mem::take(&mut self.absent) {
            let (reference, action) = (self.place.at(locator.clone()), action(&locator));
            if args.ignore_missing {
                report.done(&reference, (action, "absent"), None)?;
            } else {
                report.failed(&reference, (action, "absent"), &failure)?;
            }
        }
        for (locator, how) in std::mem::take(&mut self.moved) {
            let reference = self.place.at(locator.clone());
            let failure = Failure::message(Kind::Partial, how).context(format!("skipped {reference}"));
            report.failed(&reference, (action(&locator), "skipped"), &failure)?;
        }
        for (locator, failure) in std::mem::take(&mut self.failed) {
            let outcome = (locator.as_ref().map_or("delete", action), "failed");
            match locator {
                Some(locator) => report.failed(&self.place.at(locator), outcome, &failure)?,
                None => report.failed(&self.place, outcome, &failure)?,
            }
        }
        self.report_refused(report)
    }

    /// Reports what is not done because something else needs it.
    pub(super) fn report_refused(&mut self, report: &mut Report) -> Result<(), Failure> {
        for Refusal { tag, digest, why, cause } in std::mem::take(&mut self.plan.refused) {
            let locator = tag.map_or(Locator::Digest(digest), Locator::Tag);
            let reference = self.place.at(locator.clone());
            let failure = match cause {
                Cause::Asked => Failure::message(Kind::Failed, format!("{digest} is {why}")),
                Cause::CannotUntag => {
                    let why = format!("the registry cannot remove a tag alone, and {digest} is {why}");
                    Failure::message(Kind::Unsupported, why).with_hint(show_other_ways(&self.place))
                }
            };
            let failure = failure.context(format!("cannot delete {reference}"));
            report.failed(&reference, (action(&locator), "skipped"), &failure)?;
        }
        Ok(())
    }
}

fn show_other_ways(place: &Reference) -> String {
    vendor_way(&place.host)
        .map_or_else(|| "delete all tags of the digest together, or REPOSITORY@DIGEST".into(), str::to_owned)
}

pub(super) fn action(locator: &Locator) -> &'static str {
    match locator {
        Locator::Tag(_) => "untag",
        Locator::Digest(_) => "delete",
    }
}
