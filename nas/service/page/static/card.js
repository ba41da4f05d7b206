// A page with one architecture: its copy buttons and its downloads.
import { setUpCopying, setUpDownloads } from "./dom.js";

setUpCopying();
setUpDownloads();
