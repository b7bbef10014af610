// The slider between original and protected: a range input lies over two pictures, so mouse, touch and keys all work.
document.addEventListener("input", (event) => {
  if (event.target.matches(".compare input")) {
    event.target.closest(".compare").style.setProperty("--at", `${event.target.value}%`);
  }
});
