const $ = (id) => document.getElementById(id);
const root = document.documentElement;
const live = root.dataset.live || "";

const TABS = [["new", "What’s new"], ["conversation", "Conversation"], ["request", "Request"],
  ["response", "Response"], ["events", "Events"], ["headers", "Headers"]];
const FIRST = 65536;    // characters of a text that are shown at once
const EVENTS = 500;     // events that are shown at once
const KEPT = {c: 12, f: 4};  // chunks of pieces, and of facts, that are kept inflated
const LISTED = 2000;    // steps up to which the list is the document's own
const ROW = 50;         // pixels of a row of a longer list
const TOGETHER = 50;    // rows that are laid out together, when one of them comes into sight
const PAIRS = 20;       // steps that a comparison shows at once
const STREAM = /^\ufeff?(event|data|id|retry|):/;  // how a stream of events begins
const CAME = {served: "from the tape", live: "asked anew", new: "new"};
const WORDS = 2000;     // words up to which two texts are compared word by word

let index;              // the payload's first block
let at = -1;            // the step that is shown, counted over the run's own and those of branches
let tab = "new";
let branch = -1;        // the branch that is compared, if one is
let sheet = false;      // whether all steps are shown, as a table
let spot = 0;           // the message that the address names, counted from 1 in its view
let turn = 0;           // of showing: what was asked for before the last turn is not shown any more
let query = "";
let hits = null;        // steps that the search found
let lane = -1;          // the lane that is listed alone
