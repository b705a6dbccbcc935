use futures::StreamExt;
use tokio::net::{TcpListener, TcpStream};

use super::connections;

#[tokio::test]
async fn an_accepted_connection_sends_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut connections = connections(listener);
    let (client, accepted) = tokio::join!(TcpStream::connect(address), connections.next());
    client.unwrap();
    assert!(accepted.unwrap().unwrap().nodelay().unwrap());
}
