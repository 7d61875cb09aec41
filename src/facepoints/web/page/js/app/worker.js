/**
 * The models and all geometry, in a worker, so that the page stays quick while they run.
 *
 * A message is {id, task, ...}; the answer is {id, result} or {id, error}, in the same order.
 */

import { openModels } from "../predict/runtime.js";

// the models load beside the modules; the task "load" says what went wrong
openModels(new URL("../../", import.meta.url)).catch(() => {});
const tasks = import("./tasks.js");
tasks.catch(() => {});

let last = Promise.resolve();

self.onmessage = ({ data }) => {
  last = last.then(async () => {
    try {
      const { TASKS } = await tasks;
      self.postMessage({ id: data.id, result: await TASKS[data.task](data) });
    } catch (error) {
      self.postMessage({ id: data.id, error: String(error?.message ?? error) });
    }
  });
};
