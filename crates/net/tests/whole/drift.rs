//! What somebody altered behind our back: the analysis says what should be, the walk what is, and names the rule.

use cumulet_ports::network::Network;
use cumulet_reach::{Asked, Comparison, Endpoint, Outside, Question, analyse, compare, legs};

use crate::world::{World, interface, story, tcp};

async fn compared(world: &World, question: &Question) -> Comparison {
    let analysis = analyse(&world.spec, &Outside::default(), question);
    let walked = world.net.walk(&legs(&world.spec, &analysis)).await.unwrap();
    compare(&world.spec, &analysis, &walked)
}

#[test]
fn a_foreign_rule_in_the_kernel_is_named() {
    story("a_foreign_rule_in_the_kernel_is_named", |mut world: World| async {
        world.group(1).ingress.push(tcp(80, crate::world::members(1)));
        for n in [5, 6] {
            let wired = interface(n, &[1]);
            world.vpc().interfaces.push(wired);
        }
        world.apply().await;
        let ends = [5, 6].map(|n| Endpoint::Interface(crate::world::interface_id(n)));
        let [source, destination] = ends;
        let mut question = Question {
            source,
            destination: Some(destination),
            asked: Asked::Tcp,
            at_source: Default::default(),
            at_destination: Default::default(),
        };
        let fine = compared(&world, &question).await;
        assert_eq!(fine.agrees, Some(true), "{fine:#?}");
        world.in_vpc("iptables -I FORWARD -p tcp --dport 80 -j DROP");
        let altered = compared(&world, &question).await;
        assert_eq!(altered.agrees, Some(false), "{altered:#?}");
        let decided = altered.decided.unwrap();
        assert_eq!(decided.place, "filter/FORWARD");
        assert_eq!(decided.rule, "-A FORWARD -p tcp -m tcp --dport 80 -j DROP");
        world.in_vpc("ip route del 172.31.0.6/32");
        world.in_vpc("iptables -D FORWARD -p tcp --dport 80 -j DROP");
        let lost = compared(&world, &question).await;
        assert_eq!((lost.agrees, lost.decided.unwrap().place.as_str()), (Some(false), "route"));
        question.asked = Asked::Ping;
        let refused = compared(&world, &question).await;
        assert_eq!(refused.agrees, Some(true), "neither lets a ping through");
        world.restart();
        world.apply().await;
        question.asked = Asked::Tcp;
        assert_eq!(compared(&world, &question).await.agrees, Some(true), "repaired");
        world
    });
}
