//! Price list: the state of an article under its number, each time that its price or its stock changes.

use super::{CATALOGUE, Generator, seconds_of};
use jiff::Timestamp;
use serde_json::json;

/// Pieces of an article at the beginning, and after a delivery.
const FULL_STOCK: u32 = 240;

/// What is known of each article of the catalogue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Article {
    cents: u32,
    stock: u32,
}

/// The articles as the catalogue begins.
pub(super) fn articles() -> [Article; CATALOGUE.len()] {
    CATALOGUE.map(|(_, _, cents)| Article { cents, stock: FULL_STOCK })
}

impl Generator {
    /// The next state of an article: pieces were sold, a delivery came, or it has another price.
    pub(super) fn price(&mut self, now: Timestamp) -> (String, Vec<u8>) {
        let place = self.random.usize(..CATALOGUE.len());
        let (sku, name, listed_cents) = CATALOGUE[place];
        let sold = self.random.u32(1..=30);
        let percent = self.random.u32(85..=115);
        let changes_price = self.random.u8(..3) == 0;
        let article = &mut self.articles[place];
        if changes_price {
            article.cents = listed_cents * percent / 100;
        }
        article.stock = article.stock.checked_sub(sold).unwrap_or(FULL_STOCK);
        let payload = json!({
            "sku": sku,
            "name": name,
            "price": f64::from(article.cents) / 100.0,
            "currency": "EUR",
            "stock": article.stock,
            "available": article.stock > 0,
            "updatedAt": seconds_of(now),
        });
        (sku.to_owned(), payload.to_string().into_bytes())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{Generator, Kind};
    use jiff::Timestamp;
    use serde_json::Value;
    use std::collections::HashMap;

    #[test]
    fn versions_of_an_article_differ_in_little() {
        let mut generator = Generator::new(7, 0);
        let mut versions: HashMap<String, Vec<Value>> = HashMap::new();
        for second in 0..200 {
            let (key, payload) = generator.record(Kind::Price, Timestamp::from_second(second).unwrap());
            versions.entry(key).or_default().push(serde_json::from_slice(&payload).unwrap());
        }
        for pair in versions.values().flat_map(|versions| versions.windows(2)) {
            assert_eq!(pair[0]["name"], pair[1]["name"]);
            assert_ne!(pair[0]["stock"], pair[1]["stock"]);
        }
        assert!(versions.values().any(|versions| versions.windows(2).any(|pair| pair[0]["price"] != pair[1]["price"])));
    }
}
