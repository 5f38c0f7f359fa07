// Requests to the hub, with a timeout: on a connection that died silently, fetch would wait a quarter of an hour.

const TIMEOUT_MS = 20 * 1000;

/** {status, document}, where document is null unless the status is 2xx; null without a whole answer in `timeout` ms. */
export async function getJson(url, timeout = TIMEOUT_MS) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), timeout);
  try {
    const response = await fetch(url, { signal: controller.signal });
    return { status: response.status, document: response.ok ? await response.json() : null };
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}
