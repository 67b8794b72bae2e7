import { describeMatrix } from "./matrix.js";

describeMatrix("DUAL_WRITE");
