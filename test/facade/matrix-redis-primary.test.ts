import { describeMatrix } from "./matrix.js";

describeMatrix("REDIS_PRIMARY");
