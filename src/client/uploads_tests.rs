//! Where uploads go on, and how they are cut.

use super::*;

#[test]
fn locations_behind_proxies() {
    for (asked, location, expected) in [
        (
            "https://r.example/v2/a/blobs/uploads/",
            "/v2/a/blobs/uploads/1?_state=x",
            "https://r.example/v2/a/blobs/uploads/1?_state=x",
        ),
        ("https://r.example/a/", "1", "https://r.example/a/1"),
        ("https://r.example/", "https://r.example/u/1", "https://r.example/u/1"),
        ("https://r.example/", "http://r.example/u/1?a=b", "https://r.example/u/1?a=b"),
        ("https://r.example/", "http://registry:5000/u/1", "https://r.example/u/1"),
        ("https://r.example/", "https://registry:5000/u/1", "https://r.example/u/1"),
        ("https://r.example/", "https://10.0.0.1/u/1", "https://r.example/u/1"),
        ("https://r.example/", "https://r.example:8443/u/1", "https://r.example/u/1"),
        ("https://r.example/", "https://upload.example/u/1?sig=x", "https://upload.example/u/1?sig=x"),
        ("http://localhost:5000/", "http://0.0.0.0:5000/u/1", "http://localhost:5000/u/1"),
    ] {
        let asked = Url::parse(asked).expect("url");
        assert_eq!(continued(&asked, location).map(String::from).as_deref(), Some(expected), "{location}");
    }
}

#[tokio::test]
async fn pieces_join_to_the_whole() {
    let chunks: [&'static [u8]; 4] = [b"abc", b"", b"defgh", b"i"];
    let bytes = stream::iter(chunks.map(|chunk| Ok(Bytes::from_static(chunk)))).boxed();
    let rest = Arc::new(Mutex::new(Rest { bytes, kept: Bytes::new() }));
    let mut pieces = Vec::new();
    for length in [2, 2, 4, 1, 3] {
        pieces.push(gather(part(Arc::clone(&rest), length)).await.expect("no error"));
    }
    assert_eq!(pieces, ["ab", "cd", "efgh", "i", ""]);
}
