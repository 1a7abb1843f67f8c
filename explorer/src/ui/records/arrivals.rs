//! When the records arrived: a bar for each span of time.

use super::super::theme::Theme;
use crate::app::model::Model;
use crate::app::records::{HistogramView, Records, SHARD_COLUMNS};
use crate::domain::listing::entry::{NO_SHARD, ShardIndex};
use crate::domain::listing::histogram::{Buckets, Scale, bars};
use crate::domain::text::{count, cut, printable};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use unicode_width::UnicodeWidthStr as _;

/// Most shards with their own line.
const MOST_SHARDS: usize = 6;

/// Draws the bars above the rows, and returns how many rows they took.
pub(super) fn draw(model: &Model, records: &Records, theme: &Theme, frame: &mut Frame<'_>, area: Rect) -> u16 {
    let together = || records.buckets(usize::from(area.width).saturating_sub(2)).map(|buckets| (buckets, None));
    let by_shard = || records.by_shard().map(|by_shard| (by_shard.buckets, Some(&by_shard.counts)));
    let (found, indent) = match records.histogram {
        HistogramView::Hidden => return 0,
        HistogramView::Together => (together(), 1),
        HistogramView::ByShard => (by_shard(), SHARD_COLUMNS),
    };
    let Some((buckets, by_shard)) = found else {
        return 0;
    };
    let columns = usize::from(area.width).saturating_sub(indent + 1);
    let listing = &records.rows.listing;
    let current = listing.get(records.cursor).map(|entry| buckets.bucket_of(entry.arrived_ms));
    let mut lines = Vec::new();
    // One scale for all shards.
    let scale = match by_shard {
        Some(by_shard) if by_shard.values().any(|counts| Scale::of(counts) == Scale::Logarithmic) => Scale::Logarithmic,
        Some(_) => Scale::Linear,
        None => Scale::of(&buckets.counts(listing)),
    };
    if let Some(by_shard) = by_shard {
        let name_of = |shard: ShardIndex| records.rows.shards.get(usize::from(shard)).filter(|_| shard != NO_SHARD);
        let mut sorted: Vec<(Option<&String>, &Vec<usize>)> =
            by_shard.iter().map(|(shard, counts)| (name_of(*shard), counts)).collect();
        // Those without a shard last.
        sorted.sort_by_key(|(name, _)| (name.is_none(), *name));
        for (name, counts) in sorted.into_iter().take(MOST_SHARDS) {
            let name = name.map_or_else(|| "–".to_owned(), |name| super::rows::short_shard(name));
            lines.push(bar_line(format!(" {name:<5}"), &bars(counts, scale), current, theme));
        }
        let others = by_shard.len().saturating_sub(MOST_SHARDS);
        if others > 0 {
            lines.push(Line::styled(format!("       and {} more shards", count(others as u64)), theme.quiet()));
        }
    } else {
        lines.push(bar_line(" ".to_owned(), &bars(&buckets.counts(listing), scale), current, theme));
    }
    lines.push(Line::styled(axis(model, &buckets, scale, indent, columns), theme.quiet()));
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(area.height / 2);
    frame.render_widget(Paragraph::new(lines), Rect { height: rows, ..area });
    rows
}

/// A name and its bars; the bar with the cursor's record is highlighted.
fn bar_line(name: String, bars: &str, current: Option<usize>, theme: &Theme) -> Line<'static> {
    let bars: Vec<char> = bars.chars().collect();
    let text = |range: &[char]| range.iter().collect::<String>();
    let mut spans = vec![Span::styled(name, theme.quiet())];
    match current.filter(|current| *current < bars.len()) {
        Some(current) => {
            spans.push(Span::styled(text(&bars[..current]), theme.bars()));
            spans.push(Span::styled(text(&bars[current..=current]), theme.mark()));
            spans.push(Span::styled(text(&bars[current + 1..]), theme.bars()));
        }
        None => spans.push(Span::styled(text(&bars), theme.bars())),
    }
    Line::from(spans)
}

/// The period, the length of one bar, and its scale.
fn axis(model: &Model, buckets: &Buckets, scale: Scale, indent: usize, columns: usize) -> String {
    let time = |bucket: usize| buckets.time_of(bucket).map_or_else(|| "?".to_owned(), |at| model.times.short(at));
    let scale = match scale {
        Scale::Linear => "",
        Scale::Logarithmic => ", log",
    };
    let text = format!("{} ─ {}, {}{scale}", time(0), time(buckets.count), buckets.per());
    let text = cut(&printable(&text), columns + indent).into_owned();
    let indent = if text.width() > columns { 0 } else { indent };
    format!("{}{text}", " ".repeat(indent))
}
