//! Prints the targets of a portal, and their logical units: `inspect 10.0.0.5:3260`.

use std::error::Error;

use iscsi_initiator::{Initiator, Limits};
use tokio::net::TcpStream;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "it is what the example is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let portal = std::env::args().nth(1).ok_or("usage: inspect HOST:PORT")?;
    let initiator = Initiator::new("iqn.2026-11.com.example:inspect", Limits::default());
    for target in initiator
        .discover(TcpStream::connect(&portal).await?, None)
        .await?
    {
        println!("{} at {}", target.name, target.addresses.join(" "));
        let stream = TcpStream::connect(&portal).await?;
        let mut session = initiator.log_in(stream, Some(&target.name), None).await?;
        let list = session.report_luns().await?;
        let units = session.inquire(&list.luns).await?;
        let capacities = session.read_capacity(&list.luns).await?;
        for ((lun, unit), capacity) in list.luns.iter().zip(units).zip(capacities) {
            let size = capacity.map_or("no blocks".to_owned(), |size| format!("{} bytes", size.bytes()));
            println!("  {}: {}, {size}", lun.number, unit?.product);
        }
        session.log_out().await;
    }
    Ok(())
}
