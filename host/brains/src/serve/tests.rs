use super::*;

#[test]
fn options_are_the_topmost_layer() {
    let wanted = ServeAll { gateway_port: Some(0), ..ServeAll::default() };
    assert_eq!(flags(&wanted), [("gateway_port".to_owned(), Value::from(0))].into());
    assert!(flags(&ServeAll::default()).is_empty());
}

#[test]
fn a_listener_on_every_address_is_reached_by_loopback() {
    let reach = |text: &str| reachable(text.parse().unwrap()).to_string();
    assert_eq!(reach("0.0.0.0:1"), "127.0.0.1:1");
    assert_eq!(reach("[::]:1"), "[::1]:1");
    assert_eq!(reach("192.0.2.1:1"), "192.0.2.1:1");
}

#[tokio::test]
async fn a_busy_port_names_its_owner() {
    let holder = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = holder.local_addr().unwrap().port();
    let fault = bind(Door::Gateway, "127.0.0.1", port, &Names::default()).await.unwrap_err();
    assert_eq!(fault.kind.exit_code(), 6);
    assert!(
        fault.message.contains(&port.to_string()) && fault.message.contains(&std::process::id().to_string())
    );
}
