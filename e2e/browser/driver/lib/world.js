// What is outside the browser: the service, the application, and their state.
const env = process.env;

export const service = env.TIELINE_SERVICE;
export const application = env.TIELINE_APPLICATION; // listed in the service's options
export const stranger = env.TIELINE_STRANGER; // the same page at an origin that is not

async function order(path, body = {}) {
  const response = await fetch(env.TIELINE_CONTROL + path, { method: "POST", body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
  return response.json();
}

// newToken begins a session for one of the application's users.
export const newToken = (user, ...integrations) => order("/session", { user, integrations });

export const linkOf = (token) => `${service}/connect?session_token=${token}`;

export const newLink = async (user, ...integrations) => linkOf(await newToken(user, ...integrations));

export const withdraw = (token) => order("/withdraw", { token });

// later puts the service's clock ahead, and back with 0.
export const later = (minutes) => order("/clock", { minutes });

// outage has the provider fail the next exchange of a code.
export const outage = () => order("/outage");

export const apiKey = async () => (await order("/state")).apiKey;

// grants is how many the provider has given to anybody.
export const grants = async () => (await order("/state")).grants;

// made are the integrations that a user has connected.
export const made = async (user) => (await order("/state", { user })).made;
