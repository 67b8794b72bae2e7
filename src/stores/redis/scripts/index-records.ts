/** Index entries of records that were never stamped: a write's own entry, which says when it came, stays. */

/** KEYS: the index entry of each record. ARGV: the records' ids. */
export const INDEX_RECORDS = `
for i = 1, #KEYS do redis.call('ZADD', KEYS[i], 'NX', 0, ARGV[i]) end
return #KEYS
`;
