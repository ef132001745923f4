//! Pages that are not listings.

use rstest::rstest;

use super::names;

#[rstest]
#[case::empty("")]
#[case::words("<h1>It works!</h1>")]
#[case::welcome(
    "<h1>Welcome to nginx!</h1><p>If you see this page, the server is installed. <a href=http://nginx.org/>nginx.org</a>"
)]
#[case::site("<a href=/about>About</a><a href=shop/>Shop</a>")]
#[case::prose("<a href=docs/>docs</a> Welcome to our pages")]
#[case::script("<script>document.write('<a href=x>')</script>")]
#[case::login(
    "<title>Sign in</title><form method=post action=/login><input name=user><input type=password name=p><button>Go</button></form><a href=../>Back</a>"
)]
#[case::single_page_app(
    "<!doctype html><html><head><title>Storage</title><script src=/app.js></script></head><body><div id=root></div></body></html>"
)]
#[case::error_page("<h1>404</h1><p>The page that you are looking for can't be found.</p><a href=/>Home</a>")]
#[case::error_page_in_german(
    "<title>Fehler</title><h1>Seite nicht gefunden</h1><p>Diese Seite gibt es nicht.</p><p><a href=/>Zur Startseite</a></p>"
)]
#[case::navigation("<nav><ul><li><a href=docs/>docs</a><li><a href=blog/>blog</a></ul></nav>")]
#[case::navigation_without_nav(
    "<title>Lab</title><ul><li><a href=docs>docs</a><li><a href=blog>blog</a></ul>"
)]
#[case::shop(
    "<title>Laptops</title><ul><li><a href=laptop-15/><img src=/img/l15.jpg alt=Laptop></a><a href=laptop-15/>Laptop 15</a> <b>1,299.00 EUR</b><li><a href=laptop-17/>Laptop 17</a> <b>1,599.00 EUR</b></ul><a href=/cart>Cart</a>"
)]
#[case::blog(
    "<title>My blog</title><article><h2><a href=first-post/>The first post</a></h2><time>22 Nov 2026</time><p>Hello world, this is my blog, and there is more to come. <a href=/about>About</a></article><article><h2><a href=second/>Another one</a></h2><time>23 Nov 2026</time></article>"
)]
#[case::download_page(
    "<title>Mini Linux</title><h1>Get it</h1><p>Take <a href=mini.iso>mini.iso</a> (700 MB) and write it to a stick.</p><a href=/>Home</a> <a href=/docs>Docs</a> <a href=/news>News</a>"
)]
#[case::documentation(
    "<title>Manual</title><h1>Manual</h1><p>Read <a href=install.html>Installation</a> first, then <a href=use.html>Usage</a>, and when that is done have a look at the other chapters.</p>"
)]
#[case::forum(
    "<title>Forum</title><table><tr><td><a href=/t/1>Mirror is slow</a><td>22 Nov 2026<td>12<tr><td><a href=/t/2>Checksums</a><td>21 Nov 2026<td>3</table>"
)]
#[case::forum_of_children(
    "<title>Forum</title><table><tr><td><a href=topic-1>Mirror is slow</a><td>12<td>2026-11-22 19:43<tr><td><a href=topic-2>Checksums</a><td>3<td>2026-11-21 10:00</table>"
)]
#[case::calendar(
    "<h1>Events</h1><table><tr><td>22.11.2026<td>19:00<td><a href=concert>A concert</a><td>12<tr><td>23.11.2026<td>20:00<td><a href=talk>A talk</a><td>8</table>"
)]
#[case::login_with_help(
    "<title>Sign in</title><form><input type=password></form><table><tr><td><a href=../>Back</a><tr><td><a href=help>help</a><td>24/7</table>"
)]
#[case::repository(
    "<title>lab/images: boot images</title><nav><a href=/login>Sign in</a></nav><p>A collection of images for our machines in the rack, built each night from the sources.</p><a href=/lab/images/issues>Issues</a> <a href=/lab/images/pulls>Pulls</a>"
)]
#[case::gallery(
    "<title>Photos</title><a href=p1.jpg><img src=thumbs/p1.jpg alt=''></a><a href=p2.jpg><img src=thumbs/p2.jpg alt=''></a>"
)]
#[case::status_page("<h1>All systems go</h1><p>Last check 2026-11-22 19:43</p><a href=/>Home</a>")]
#[case::nexus(
    "<title>Sonatype Nexus</title><h1>raw</h1><p>This raw hosted repository has no listing at this URL. Please use the <a href=/#browse>browse</a> interface.</p>"
)]
#[case::languages(
    "<title>Welcome</title><ul><li><a href='?lang=de'>Deutsch</a><li><a href='?lang=en'>English</a><li><a href='?lang=fr'>Français</a></ul><a href=/>Home</a>"
)]
#[case::languages_in_a_line(
    "<h1>Willkommen</h1><a href='/b/?lang=de'>DE</a> | <a href='/b/?lang=en'>EN</a> | <a href='/b/?lang=fr'>FR</a>"
)]
#[case::search_without_results(
    "<title>Explore</title><nav><a href=/login>Sign in</a></nav><ul><li><a href='?sort=newest&q='>Newest</a><li><a href='?sort=oldest&q='>Oldest</a><li><a href='?sort=alphabetically&q='>A to Z</a></ul><a href=/>Home</a><p>No matching results found. Try other words, or look at all repositories of this server.</p>"
)]
#[case::item(
    "<title>Debian 13 : Debian : Free Download</title><nav><a href=/upload>Upload</a> <a href=/login>Log in</a></nav><h1>Debian 13</h1><p>An image for installing machines, kept here for everybody who wants it in ten years.</p><ul><li><a href='?tab=about'>About</a><li><a href='?tab=reviews'>Reviews</a></ul><h2>DOWNLOAD OPTIONS</h2><div><a href=/download/debian-13/debian-13.iso>debian-13.iso</a> 700.0M</div><div><a href=/download/debian-13/debian-13_archive.torrent>debian-13_archive.torrent</a> 22-Nov-2026 19:43 28.1K</div><a href=/download/debian-13>SHOW ALL</a> <a href=/details/@user>Uploaded by user</a>"
)]
#[case::plain_text("Nothing to see here")]
fn are_left(#[case] text: &str) {
    assert_eq!(names(text), None);
}
