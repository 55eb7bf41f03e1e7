// Failure is an answer that is not the wanted one.
export class Failure extends Error {
  constructor(status, error) {
    super(error.message || "Something went wrong. Please try again in a moment.");
    this.status = status;
    this.code = error.code || "unknown";
    this.items = error.errors || [];
  }
}

const session = document.body.dataset.session;

// call asks the service; paths are relative to the page.
export async function call(method, path, body) {
  const init = { method, headers: { "Tieline-Session": session, Accept: "application/json" }, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) {
    init.headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch("connect/api/" + path, init);
  } catch {
    throw new Failure(0, { code: "offline", message: "The service cannot be reached. Check your connection and try again." });
  }
  let data = {};
  try {
    data = await response.json();
  } catch {
    // Something in between has answered.
  }
  if (!response.ok) throw new Failure(response.status, data.error || {});
  return data;
}

// The codes after which nothing can be done with this session.
const ends = new Set(["unknown_connect_session_token", "invalid_connect_session_token_format", "connect_session_used", "session_changed", "forbidden"]);

export const isEnd = (failure) => failure instanceof Failure && ends.has(failure.code);
