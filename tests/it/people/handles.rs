//! Handles: claimed by anybody, proved only by who controls them.

use std::sync::{Arc, Mutex};

use sayso::domain::Whom;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::on_both;
use crate::world::Db;

/// A web server with one page that changes.
struct Page {
    at: String,
    html: Arc<Mutex<String>>,
}

impl Page {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap().to_string();
        let html = Arc::new(Mutex::new(String::new()));
        let served = html.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 2048];
                let _read = stream.read(&mut request).await;
                let body = served.lock().unwrap().clone();
                let answer =
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
                let _written = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { at, html }
    }

    fn show(&self, html: String) {
        *self.html.lock().unwrap() = html;
    }

    /// The handle whose page this is.
    fn handle(&self) -> Identifier {
        handle(&format!("activitypub:http://{}/users/ann", self.at))
    }

    async fn world(&self, db: Db) -> World {
        World::with(db, |config| config.private_hosts = vec![self.at.clone()]).await
    }
}

on_both!(a_link_or_a_posted_code_on_the_own_page_proves_a_handle, |bare| {
    let page = Page::new().await;
    let world = page.world(bare.db).await;
    let (ann, ben) = (join(&world, "ann@example.org").await, join(&world, "ben@example.org").await);
    let claimed = world.app.claim(&ann.caller, &page.handle(), None).await.unwrap();
    assert_eq!(claimed.page, page.handle().page_url());
    page.show("<p>Nothing here yet.</p>".into());
    assert!(matches!(world.app.prove_by_page(&ann.caller, &claimed.id).await, Err(ServiceError::NotProved)));
    assert_eq!(world.app.identifiers(&ann.caller).await.unwrap().len(), 1);
    page.show(format!("<a rel=\"me nofollow\" href=\"{}\">me</a>", claimed.link));
    world.app.prove_by_page(&ann.caller, &claimed.id).await.unwrap();
    let owned = world.app.identifiers(&ann.caller).await.unwrap();
    assert!(owned.iter().any(|one| one.identifier == page.handle().as_str() && one.proof == "page"));

    let claimed = world.app.claim(&ben.caller, &page.handle(), None).await.unwrap();
    assert!(matches!(world.app.prove_by_page(&ben.caller, &claimed.id).await, Err(ServiceError::NotProved)));
    page.show(format!("<p>{}</p>", claimed.text));
    world.app.prove_by_page(&ben.caller, &claimed.id).await.unwrap();
    assert_eq!(world.app.identifiers(&ben.caller).await.unwrap().len(), 2);
    assert_eq!(world.app.identifiers(&ann.caller).await.unwrap().len(), 1, "it changed hands");
});

on_both!(a_page_that_is_not_there_proves_nothing, |world| {
    let ann = join(&world, "ann@example.org").await;
    for there in ["http://127.0.0.1:9/ann", "https://127.0.0.1:9/ann"] {
        let claimed = world.app.claim(&ann.caller, &handle(&format!("activitypub:{there}")), None).await.unwrap();
        assert!(matches!(world.app.prove_by_page(&ann.caller, &claimed.id).await, Err(ServiceError::Fetch(_))));
    }
    let claimed = world.app.claim(&ann.caller, &handle("campus:ann"), None).await.unwrap();
    assert!(claimed.page.is_none());
    assert!(matches!(world.app.prove_by_page(&ann.caller, &claimed.id).await, Err(ServiceError::Fetch(_))));
});

on_both!(a_claim_counts_nowhere_until_it_is_proved, |world| {
    let ann = join(&world, "ann@example.org").await;
    allow(&world, &ann, &scoring("activitypub")).await;
    let ben = scored_member(&world, "ben").await;
    let her = handle(&format!("activitypub:{}", actor("ann")));
    let claimed = world.app.claim(&ann.caller, &her, None).await.unwrap();
    let like = crate::strangers::like("l1", "ben", "ann", 1);
    let before = dump(&world).await;
    crate::strangers::ingest(&world, std::slice::from_ref(&like)).await;
    assert_same(&before, &dump(&world).await);
    world.app.prove_by_operator(&claimed.id, None).await.unwrap();
    crate::strangers::ingest(&world, &[like]).await;
    assert_eq!(dump(&world).await["edge"].len(), 1);
    drop(ben);
});

on_both!(nobody_proves_somebody_elses_claim, |world| {
    let (ann, ben) = (join(&world, "ann@example.org").await, join(&world, "ben@example.org").await);
    let claimed = world.app.claim(&ann.caller, &handle("campus:ann"), None).await.unwrap();
    let before = dump(&world).await;
    let answer = world.app.prove_by_page(&ben.caller, &claimed.id).await;
    assert!(matches!(answer, Err(ServiceError::NotFound(_))));
    assert_same(&before, &dump(&world).await);
});

on_both!(a_claim_waits_for_seven_days, |world| {
    let ann = join(&world, "ann@example.org").await;
    let first = world.app.claim(&ann.caller, &handle("campus:ann"), None).await.unwrap();
    let second = world.app.claim(&ann.caller, &handle("campus:ann2"), None).await.unwrap();
    world.pass_seconds(sayso::limits::CLAIM_SECONDS - 1);
    world.app.prove_by_operator(&first.id, None).await.unwrap();
    world.pass_seconds(1);
    assert!(matches!(world.app.prove_by_operator(&second.id, None).await, Err(ServiceError::NotFound(_))));
    world.app.sweep().await.unwrap();
    assert!(dump(&world).await["claim"].is_empty());
});

on_both!(a_claim_is_proved_once, |world| {
    let ann = join(&world, "ann@example.org").await;
    let claimed = world.app.claim(&ann.caller, &handle("campus:ann"), None).await.unwrap();
    world.app.prove_by_operator(&claimed.id, None).await.unwrap();
    let before = dump(&world).await;
    assert!(matches!(world.app.prove_by_operator(&claimed.id, None).await, Err(ServiceError::NotFound(_))));
    assert_same(&before, &dump(&world).await);
});

on_both!(twenty_claims_may_be_open, |world| {
    let ann = join(&world, "ann@example.org").await;
    for number in 0..20 {
        world.app.claim(&ann.caller, &handle(&format!("campus:ann{number}")), None).await.unwrap();
    }
    let more = world.app.claim(&ann.caller, &handle("campus:more"), None).await;
    assert!(matches!(more, Err(ServiceError::Invalid(_))));
});

on_both!(a_handle_that_changed_hands_brings_nothing_to_its_former_owner, |world| {
    let (ann, ben) = (scored_member(&world, "ann").await, scored_member(&world, "ben").await);
    let cleo = scored_member(&world, "cleo").await;
    own(&world, &cleo, &handle(&format!("activitypub:{}", actor("ann")))).await;
    crate::strangers::ingest(&world, &[crate::strangers::like("l1", "ben", "ann", 1)]).await;
    let edges = dump(&world).await["edge"].clone();
    assert_eq!(edges.len(), 1);
    assert!(edges[0].contains(&in_dump(&world, &cleo.caller.subject)));
    assert!(!edges[0].contains(&in_dump(&world, &ann.caller.subject)));
    drop(ben);
});

on_both!(proving_a_handle_lifts_an_opt_out_for_oneself_but_not_for_a_child, |world| {
    let ann = join(&world, "ann@example.org").await;
    for (whom, name) in [(Whom::Oneself, "campus:ann"), (Whom::Child, "campus:kid")] {
        world.app.opt_out(&handle(name), whom, None).await.unwrap();
        let claimed = world.app.claim(&ann.caller, &handle(name), None).await.unwrap();
        let proved = world.app.prove_by_operator(&claimed.id, None).await;
        match whom {
            Whom::Oneself => drop(proved.unwrap()),
            Whom::Child => assert!(matches!(proved, Err(ServiceError::NoAccount))),
        }
    }
    assert_eq!(dump(&world).await["suppression"].len(), 1);
    assert!(world.app.consents(&ann.caller).await.unwrap().live.is_empty());
});
