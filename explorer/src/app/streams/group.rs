//! Groups of streams, of which the screen shows one.

use super::{StreamRow, Streams};
use crate::domain::stream::overview::{Configuration, StreamOverview};
use archiver::aws::failure::FailureKind;

/// Which streams are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamGroup {
    /// All of them.
    #[default]
    All,
    /// Those whose tags ask for an archive.
    Archived,
    /// Those without such tags.
    NotArchived,
    /// Archives whose stream was deleted.
    WithoutStream,
    /// Those with a problem.
    Problems,
}

impl StreamGroup {
    /// All groups, in the order of the screen.
    pub const EACH: [Self; 5] = [Self::All, Self::Archived, Self::NotArchived, Self::WithoutStream, Self::Problems];

    /// Its name on the screen.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Archived => "archived",
            Self::NotArchived => "not archived",
            Self::WithoutStream => "without a stream",
            Self::Problems => "problems",
        }
    }

    /// Whether the stream belongs to it, as far as is known.
    #[must_use]
    pub fn contains(self, row: &StreamRow) -> bool {
        let known = row.overview.as_ref();
        match self {
            Self::All => true,
            Self::Archived => known.is_some_and(|overview| !matches!(overview.configuration, Configuration::NotArchived)),
            Self::NotArchived => {
                known.is_some_and(|overview| !overview.is_deleted && matches!(overview.configuration, Configuration::NotArchived))
            }
            Self::WithoutStream => row.is_deleted(),
            Self::Problems => row.has_problem(),
        }
    }
}

impl StreamRow {
    /// Whether something is wrong. Access to only some of the streams is nothing wrong.
    #[must_use]
    pub fn has_problem(&self) -> bool {
        let is_unreadable = self.failure.as_ref().is_some_and(|failure| failure.kind != FailureKind::AccessDenied);
        is_unreadable || self.overview.as_ref().and_then(StreamOverview::problem).is_some()
    }
}

impl Streams {
    /// The groups that have streams matching the filter, and how many. The one that is shown is always among them.
    #[must_use]
    pub fn groups(&self) -> Vec<(StreamGroup, usize)> {
        let rows = self.matching();
        let counted = |group: StreamGroup| (group, rows.iter().filter(|row| group.contains(row)).count());
        let is_there = |(group, rows): &(StreamGroup, usize)| *rows > 0 || *group == self.group || *group == StreamGroup::All;
        StreamGroup::EACH.into_iter().map(counted).filter(is_there).collect()
    }

    /// Shows the group after the current one, or before it.
    pub(in crate::app) fn switch_group(&mut self, forward: bool) {
        let groups = self.groups();
        let current = groups.iter().position(|(group, _)| *group == self.group).unwrap_or(0);
        let step = if forward { 1 } else { groups.len() - 1 };
        self.show_group(groups.get((current + step) % groups.len()).map_or(StreamGroup::All, |(group, _)| *group));
    }

    /// Shows a group. The cursor stays on its stream if that is in the group.
    pub(in crate::app) fn show_group(&mut self, group: StreamGroup) {
        self.group = group;
        self.keep_selection();
    }
}
