// Shows one trait at a time: chosen from a menu, or by a link to it.
(() => {
  const parts = [...document.querySelectorAll("[data-trait]")];
  const links = [...document.querySelectorAll("nav a.trait")];
  if (links.length < 2) return;

  const menu = document.createElement("select");
  for (const link of links) menu.append(new Option(link.textContent, link.hash.slice(1)));
  menu.append(new Option("all traits", "all"));
  const label = document.createElement("label");
  label.append("Trait ", menu);
  document.getElementById("chooser").append(label);
  for (const link of links) link.hidden = true;

  const choose = (trait) => {
    menu.value = trait;
    for (const part of parts) part.hidden = trait !== "all" && part.dataset.trait !== trait;
  };
  const follow = () => {
    const asked = location.hash.slice(1);
    if (!links.some((link) => link.hash.slice(1) === asked)) return;
    choose(asked);
    document.getElementById(asked).scrollIntoView();
  };
  menu.addEventListener("change", () => choose(menu.value));
  addEventListener("hashchange", follow);
  choose(menu.options[0].value);
  follow();
})();
