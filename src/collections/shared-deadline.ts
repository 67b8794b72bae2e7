/** One deadline for a call that takes several steps. */
import type { CallOptions } from "./ports.js";

/**
 * Gives, for each next step, the caller's options with what is left of the caller's deadline. Without one each step has its
 * own default.
 */
export function sharedDeadline(options: CallOptions | undefined): () => CallOptions {
  const { signal, deadline, operationId } = options ?? {};
  const startedAt = performance.now();
  return () => ({
    ...(signal && { signal }),
    ...(operationId !== undefined && { operationId }),
    // At least 1: the step itself then says that the deadline has passed.
    ...(deadline !== undefined && { deadline: Math.max(1, deadline - (performance.now() - startedAt)) }),
  });
}
