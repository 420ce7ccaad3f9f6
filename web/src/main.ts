// The page: it shows the comparison or the diagnosis that is inside it.
import { showComparison } from "./comparison";
import type { Comparison } from "./data";
import type { Diagnosis } from "./diagnosis/data";
import { showDiagnosis } from "./diagnosis/page";
import { h } from "./dom";
import "./style.css";
import "./diagnosis/style.css";

interface Data {
  comparison?: Comparison;
  diagnosis?: Diagnosis;
}

const text = document.getElementById("data")?.textContent?.trim();
const data = (text ? JSON.parse(text) : {}) as Data;
const page = document.getElementById("page")!;
if (data.comparison) showComparison(data.comparison, page);
else if (data.diagnosis) showDiagnosis(data.diagnosis, page);
else page.replaceChildren(h("p", { class: "empty" }, "There is nothing in this page. ", h("code", {}, "assay compare … --html OUT"), " and ", h("code", {}, "assay diagnose … --html OUT"), " write one."));
