import { describeMatrix } from "./matrix.js";

describeMatrix("POSTGRES_ONLY");
