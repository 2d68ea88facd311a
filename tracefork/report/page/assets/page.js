"use strict";
/* The page of a run. It knows no vendor: what was said comes with the payload, as roles and parts.
   Text reaches the document only as text nodes; there is no markup in a string here. */
(() => {
"parts";
})();
