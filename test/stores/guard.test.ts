/** Deadlines, the circuit breaker and retries around a store, on a clock of the test's own. */
import { BrokenCircuitError } from "cockatiel";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  AuthorityUnavailableError,
  DeadlineExceededError,
  FencedError,
  OutcomeUnknownError,
} from "../../src/errors.js";
import { Guard, describe as inWords } from "../../src/stores/guard.js";
import { Operation } from "../../src/stores/operation.js";
import { retried } from "../../src/stores/retry.js";
import type { Store } from "../../src/stores/store.js";

const away = () => Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED", syscall: "connect" });
const cutOff = () => Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET", syscall: "read" });
const never = () => new Promise<never>(() => {});

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** What a promise came to, once the timers that it waits for have run. */
async function outcome<T>(
  promise: Promise<T>,
  ms = 10_000,
): Promise<{ value?: T; error?: Error & { code?: string }; tookMs: number }> {
  const begun = performance.now();
  let settled: { value?: T; error?: Error; tookMs: number } | undefined;
  promise.then(
    (value) => {
      settled = { value, tookMs: performance.now() - begun };
    },
    (error: Error) => {
      settled = { error, tookMs: performance.now() - begun };
    },
  );
  for (let passed = 0; passed <= ms && !settled; passed += 1) await vi.advanceTimersByTimeAsync(1);
  return settled ?? expect.fail(`not settled within ${ms} ms`);
}

/** A store whose probe answers as it is told. */
function store(now: () => Promise<number> = async () => 1): Store {
  return { name: "redis", now } as unknown as Store;
}

describe("an attempt", () => {
  test("gives the store's answer, and its errors as they are", async () => {
    const guard = new Guard(store());
    expect(await guard.attempt(async (one) => one.name, 100)).toBe("redis");
    const bug = new TypeError("a bug");
    await expect(guard.attempt(async () => Promise.reject(bug), 100)).rejects.toBe(bug);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("ends at its deadline even if the store never answers", async () => {
    const guard = new Guard(store());
    const { error, tookMs } = await outcome(guard.attempt(never, 70.4));
    expect(error).toMatchObject({ name: "StoreTimeoutError", message: "redis didn't answer within 70 ms" });
    expect(tookMs).toBeGreaterThanOrEqual(70);
    expect(tookMs).toBeLessThan(80);
  });
});

describe("the circuit", () => {
  const failing = async (guard: Guard, times: number) => {
    for (let n = 0; n < times; n++) await guard.attempt(async () => Promise.reject(away()), 100).catch(() => {});
  };

  test("opens after five failures in a row, and then nobody waits", async () => {
    const guard = new Guard(store(never));
    await failing(guard, 4);
    expect(guard.circuit).toBe("closed");
    await guard.attempt(async () => 1, 100);
    await failing(guard, 4);
    expect(guard.circuit).toBe("closed");
    await failing(guard, 1);
    expect(guard.circuit).toBe("open");
    const call = vi.fn();
    await expect(guard.attempt(call, 100)).rejects.toThrow(BrokenCircuitError);
    expect(call).not.toHaveBeenCalled();
    guard.stop();
  });

  test("doesn't mind failures that aren't the store's being away", async () => {
    const guard = new Guard(store(), { failures: 2 });
    for (let n = 0; n < 5; n++)
      await guard.attempt(async () => Promise.reject(new TypeError("a bug")), 100).catch(() => {});
    expect(guard.circuit).toBe("closed");
  });

  test("stays closed for all when one caller has no patience", async () => {
    const guard = new Guard(store());
    for (let n = 0; n < 20; n++)
      expect((await outcome(guard.attempt(never, 5))).error).toMatchObject({ name: "StoreTimeoutError" });
    expect(guard.circuit).toBe("closed");
    for (let n = 0; n < 5; n++) await outcome(guard.attempt(never, 100));
    expect(guard.circuit).toBe("open");
    guard.stop();
  });

  test("opens after shorter times where everybody's deadline is short", async () => {
    const guard = new Guard(store(), { patienceMs: 5 });
    for (let n = 0; n < 5; n++) await outcome(guard.attempt(never, 5));
    expect(guard.circuit).toBe("open");
    guard.stop();
  });

  test("closes by a probe once the store answers, so that no caller pays for finding out", async () => {
    let probes = 0;
    const guard = new Guard(
      store(async () => {
        if (++probes < 3) throw away();
        return 1;
      }),
      { failures: 1 },
    );
    await failing(guard, 1);
    await vi.advanceTimersByTimeAsync(249);
    expect(probes).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    expect([probes, guard.circuit]).toEqual([1, "open"]);
    await vi.advanceTimersByTimeAsync(250);
    expect([probes, guard.circuit]).toEqual([2, "open"]);
    await vi.advanceTimersByTimeAsync(250);
    expect([probes, guard.circuit]).toEqual([3, "closed"]);
    expect(await guard.attempt(async () => "back", 100)).toBe("back");
    await vi.advanceTimersByTimeAsync(2000);
    expect(probes).toBe(3);
  });

  test("is half open while a probe is under way, which has a second", async () => {
    const probe = vi.fn(never);
    const guard = new Guard(store(probe), { failures: 1, probeEveryMs: 50 });
    await failing(guard, 1);
    await vi.advanceTimersByTimeAsync(50);
    expect(guard.circuit).toBe("half-open");
    await expect(guard.attempt(async () => 1, 100)).rejects.toThrow(BrokenCircuitError);
    await vi.advanceTimersByTimeAsync(1000);
    expect(guard.circuit).toBe("open");
    await vi.advanceTimersByTimeAsync(50);
    expect(probe).toHaveBeenCalledTimes(2);
    guard.stop();
  });

  test("is probed no more after a stop", async () => {
    const probe = vi.fn(async () => Promise.reject(away()));
    const guard = new Guard(store(probe), { failures: 1 });
    await failing(guard, 1);
    guard.stop();
    await vi.advanceTimersByTimeAsync(2000);
    expect(probe).not.toHaveBeenCalled();
    const stopped = new Guard(store(probe), { failures: 1 });
    stopped.stop();
    await failing(stopped, 1);
    await vi.advanceTimersByTimeAsync(2000);
    expect(probe).not.toHaveBeenCalled();
  });
});

describe("a retry", () => {
  const operation = (deadline = 1000, signal?: AbortSignal) =>
    new Operation({ deadline, operationId: "op", ...(signal ? { signal } : {}) }, 1);
  /** Fails `times` times by these errors, sending each time. */
  const attempts = (op: Operation, errors: readonly Error[], sending = true) => {
    let n = 0;
    const call = async () => {
      op.sending = sending;
      const error = errors[n++];
      if (error) throw error;
      return "done";
    };
    return { call, count: () => n };
  };

  test("repeats what passes by itself, sooner at first and later at most 200 ms apart", async () => {
    const op = operation(10_000);
    const { call, count } = attempts(op, Array.from({ length: 6 }, away));
    const { value, tookMs } = await outcome(retried(op, () => "A write", call));
    expect(value).toBe("done");
    expect(count()).toBe(7);
    expect(tookMs).toBeGreaterThanOrEqual(15);
    expect(tookMs).toBeLessThan(6 * 402);
    expect(op.sending).toBe(false);
  });

  test("begins again after a fence's refusal, but not after what is for good", async () => {
    const op = operation();
    const fenced = attempts(op, [new FencedError("moved")]);
    expect((await outcome(retried(op, () => "A write", fenced.call))).value).toBe("done");
    const bug = new Error("for good");
    const broken = attempts(op, [bug]);
    expect((await outcome(retried(op, () => "A write", broken.call))).error).toBe(bug);
    expect(broken.count()).toBe(1);
  });

  test("that never reached the store is refused at its deadline: nothing was applied", async () => {
    const op = operation(300);
    const { call } = attempts(op, Array.from({ length: 1000 }, away));
    const { error, tookMs } = await outcome(retried(op, () => "A write", call));
    expect(error).toBeInstanceOf(AuthorityUnavailableError);
    expect(error).toMatchObject({ operationId: "op", cause: { code: "ECONNREFUSED" } });
    expect(error?.message).toMatch(
      /^A write could not reach the authority before its deadline; nothing was applied.*\(connect ECONNREFUSED\)$/,
    );
    expect(tookMs).toBeLessThan(800);
  });

  test("of which one attempt may have been carried out has an unknown outcome, whatever came after", async () => {
    const op = operation(300);
    const { call } = attempts(op, [cutOff(), ...Array.from({ length: 1000 }, away)]);
    const { error } = await outcome(retried(op, () => "A write", call));
    expect(error).toBeInstanceOf(OutcomeUnknownError);
    expect(error).toMatchObject({ operationId: "op" });
    expect(error?.message).toContain('Repeat it with operationId "op"');
  });

  test("is unknown too where what came after was for good: that says nothing of the attempt whose answer was lost", async () => {
    const op = operation();
    const bug = new Error("for good");
    const { call } = attempts(op, [cutOff(), bug]);
    const { error } = await outcome(retried(op, () => "A write", call));
    expect(error).toBeInstanceOf(OutcomeUnknownError);
    expect(error).toMatchObject({ operationId: "op", cause: bug });
  });

  test("isn't unknown where nothing was being sent, nor for a fence's refusal", async () => {
    for (const [failure, sending] of [
      [cutOff(), false],
      [new FencedError("moved"), true],
    ] as const) {
      const op = operation(300);
      const { call } = attempts(
        op,
        Array.from({ length: 1000 }, () => failure),
        sending,
      );
      expect((await outcome(retried(op, () => "A write", call))).error).toBeInstanceOf(AuthorityUnavailableError);
    }
  });

  test("that a lost reign had carried out is unknown", async () => {
    const op = operation(300);
    op.uncertain = true;
    const { call } = attempts(op, Array.from({ length: 1000 }, away));
    expect((await outcome(retried(op, () => "A write", call))).error).toBeInstanceOf(OutcomeUnknownError);
  });

  test("without any time isn't begun", async () => {
    const op = operation(0);
    await vi.advanceTimersByTimeAsync(1);
    const { call, count } = attempts(op, []);
    const { error } = await outcome(retried(op, () => "A write", call));
    expect(error).toBeInstanceOf(DeadlineExceededError);
    expect(error?.message).toBe("A write found no time before its deadline; nothing was applied.");
    expect(count()).toBe(0);
  });

  test("that its caller cancels ends at once: nothing was applied, or unknown while something was being sent", async () => {
    const controller = new AbortController();
    const op = operation(5000, controller.signal);
    const { call } = attempts(op, Array.from({ length: 1000 }, away));
    setTimeout(() => controller.abort(new Error("enough")), 100);
    const { error, tookMs } = await outcome(retried(op, () => "A write", call));
    expect(error).toBeInstanceOf(DeadlineExceededError);
    expect(error?.message).toBe("A write was cancelled by its signal; nothing was applied.");
    expect(tookMs).toBeLessThan(600);

    const other = new AbortController();
    const sent = operation(5000, other.signal);
    setTimeout(() => other.abort(new Error("enough")), 100);
    const slow = async () => {
      sent.sending = true;
      await new Promise((resolve) => setTimeout(resolve, 300));
      throw cutOff();
    };
    expect((await outcome(retried(sent, () => "A write", slow))).error).toBeInstanceOf(OutcomeUnknownError);
  });

  test("that succeeded as its caller cancelled has succeeded", async () => {
    const controller = new AbortController();
    const op = operation(5000, controller.signal);
    const { value } = await outcome(
      retried(
        op,
        () => "A write",
        async () => {
          controller.abort(new Error("enough"));
          return "done";
        },
      ),
    );
    expect(value).toBe("done");
  });
});

test("a failure is told in a few words, without values", () => {
  expect(inWords(new BrokenCircuitError())).toBe("the circuit is open after repeated failures");
  expect(inWords(away())).toBe("connect ECONNREFUSED");
  expect(inWords(Object.assign(new Error(""), { name: "AggregateError" }))).toBe("AggregateError");
  expect(inWords("odd")).toBe("odd");
});
