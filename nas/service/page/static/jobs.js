// The list of jobs: rows follow the server's events.
import { $, calmly, setUpCopying } from "./dom.js";
import { listen, refresh } from "./live.js";

const again = calmly(() => refresh($("#live"), location.href), 700);
$(".filters")?.addEventListener("change", (event) => event.currentTarget.requestSubmit());
listen("/v1/events", { job: again, deleted: again });
setInterval(again, 30000); // "5 min ago" grows old
setUpCopying();
