// A question to the hub that has an end: on a line that died silently, a fetch would wait for a quarter of an hour.

const LIMIT_MS = 20 * 1000;

/** The status, and where all went well the document; null when there was no whole answer within `limit` ms. */
export async function ask(url, limit = LIMIT_MS) {
  const asked = new AbortController();
  const timer = setTimeout(() => asked.abort(), limit);
  try {
    const answer = await fetch(url, { signal: asked.signal });
    return { status: answer.status, document: answer.ok ? await answer.json() : null };
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}
